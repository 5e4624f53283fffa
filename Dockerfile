# Builds the executables, and an image that carries them:
#   docker build -t podwire .
#   docker run --rm -v /opt/cni/bin:/target podwire         installs them on the host
#
# The tests make network namespaces, which a build may not do: they are a stage to run.
#   docker build --target test -t podwire-test . && docker run --rm --privileged podwire-test

FROM node:20-bookworm-slim AS build
WORKDIR /podwire
COPY package.json package-lock.json ./
# No package needs its install script.
RUN npm ci --ignore-scripts --include=dev --include=optional
COPY . .
RUN npm run build

FROM build AS test
RUN node scripts/setup.mjs test
CMD ["npm", "test"]

FROM debian:bookworm-slim
# cp -a and not COPY: the files are hard links of one executable, and must stay so to be small.
RUN --mount=type=bind,from=build,source=/podwire/dist/bin,target=/built mkdir -p /opt/cni && cp -a /built /opt/cni/bin
# A name that is being run is replaced whole, by a rename.
CMD ["sh", "-c", "mkdir /target/.podwire && cp -a /opt/cni/bin/. /target/.podwire/ && mv -f /target/.podwire/* /target/ && rmdir /target/.podwire"]
