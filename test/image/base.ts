/** The image that the Dockerfile builds on, made from Debian's packages and this machine's Node.js. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import type { Buildah } from "./buildah.ts";

/** The Dockerfile's name for it, in full. */
export const baseImage = "docker.io/library/node:20-bookworm-slim";

/** What the images of Debian leave out too, and what they do not. */
const rules = [
  ...["doc", "man", "locale", "info", "lintian"].map((name) => `path-exclude=/usr/share/${name}/*`),
  "path-include=/usr/share/doc/*/copyright",
];

/** Kept for a week: a package that Debian has replaced by then is fetched again by what builds on it. */
const cacheFolder = join(import.meta.dirname, "../../node_modules/.cache/podwire-image");
const WEEK = 7 * 24 * 3600_000;

/** The archive of Debian's packages: the one that was kept, or a new one that is kept. */
async function keptDebian(folder: string): Promise<string> {
  const kept = join(cacheFolder, "debian.tar");
  if (Date.now() - (statSync(kept, { throwIfNoEntry: false })?.mtimeMs ?? 0) < WEEK) return kept;
  const file = join(folder, "debian.tar");
  await makeDebian(file);
  mkdirSync(cacheFolder, { recursive: true });
  // It appears whole or not at all.
  copyFileSync(file, `${kept}.${process.pid}`);
  renameSync(`${kept}.${process.pid}`, kept);
  return kept;
}

async function makeDebian(file: string): Promise<void> {
  const options = rules.flatMap((rule) => ["--dpkgopt", rule]);
  // minbase: what Debian's images consist of. libstdc++ is what Node.js needs beside it.
  const args = [
    "--variant=minbase",
    "--include=libstdc++6,libatomic1",
    ...options,
    "--quiet",
    "bookworm",
    file,
  ];
  await execa("mmdebstrap", args, { stdin: "ignore", timeout: 900_000 });
}

/** The program that Node.js's images have, as a link to where npm is. They have npx too, which nothing needs. */
function linkNpm(folder: string): string {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(bin, "npm"));
  return bin;
}

/** How this machine reaches the npm registry, for the image's environment. */
async function networkEnvironment(): Promise<string[]> {
  const { stdout: registry } = await execa("npm", ["config", "get", "registry"], { stdin: "ignore" });
  return [
    "--env",
    `npm_config_registry=${registry}`,
    "--env",
    "NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt",
  ];
}

/** Makes the base image, under the name that the Dockerfile asks for. */
export async function makeBase(buildah: Buildah): Promise<void> {
  const debian = await keptDebian(buildah.folder);
  const npm = dirname(dirname(realpathSync((await execa("which", ["npm"])).stdout)));
  const container = await buildah.from("scratch");
  const add = (from: string, to: string) => buildah.exec("add", "--quiet", container, from, to);
  await add(debian, "/");
  await add(realpathSync(process.execPath), "/usr/local/bin/node");
  await add(npm, "/usr/local/lib/node_modules/npm");
  await add(linkNpm(buildah.folder), "/usr/local/bin");
  const authorities = "/etc/ssl/certs/ca-certificates.crt";
  if (existsSync(authorities)) await add(authorities, authorities);
  await buildah.exec("config", ...(await networkEnvironment()), container);
  await buildah.exec("commit", "--quiet", container, baseImage);
  await buildah.exec("rm", container);
}
