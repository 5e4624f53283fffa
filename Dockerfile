# Builds the executables, and an image that installs them on a node.
#   docker build -t podwire .
#   docker run --rm -v /opt/cni/bin:/opt/cni/bin podwire     installs them on this machine
#
# The tests make network namespaces, which a build may not do: they are a stage to run.
#   docker build --target test -t podwire-test . && docker run --rm --privileged podwire-test

FROM node:20-bookworm-slim AS build
WORKDIR /podwire
# npm packages and compilers are a layer of their own: a change of the sources does not fetch them again.
COPY package.json package-lock.json ./
COPY scripts/setup.mjs scripts/
RUN node scripts/setup.mjs build
COPY . .
RUN npm run build
# All that the image holds: the executable under its own name, since it installs the others itself, configurations to start from, and
# the licences.
RUN mkdir -p /image/usr/bin /image/usr/share/podwire \
    && cp dist/bin/podwire /image/usr/bin/podwire \
    && cp -r conf-examples LICENSE /image/usr/share/podwire/ \
    && node --import tsx scripts/licences.ts > /image/usr/share/podwire/THIRD-PARTY-LICENSES \
    && /image/usr/bin/podwire --version

FROM build AS test
# Less is enough for a part of the tests: demo, for instance.
ARG PURPOSE=test
RUN node scripts/setup.mjs ${PURPOSE}
CMD ["npm", "test"]

FROM scratch
COPY --from=build /image/ /
ENTRYPOINT ["/usr/bin/podwire", "install"]
