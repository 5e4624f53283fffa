/** Bun for a target: from the npm registry, and exactly what the lock file says. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";

export interface Locked {
  readonly version: string;
  /** As npm writes it: "sha512-" and base64. */
  readonly integrity: string;
}

/** The entry of a package in the lock file of a project. */
export function readLock(root: string, name: string): Locked {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, Locked | undefined>;
  };
  const found = lock.packages[`node_modules/${name}`];
  if (found === undefined) throw new Error(`package-lock.json has no ${name}`);
  return found;
}

/** Throws if a file is not the one that the lock file means. */
export function verify(file: string, { integrity }: Locked): void {
  const [algorithm = "", expected] = integrity.split("-", 2);
  const found = createHash(algorithm).update(readFileSync(file)).digest("base64");
  if (found === expected) return;
  throw new Error(`${file} is not what package-lock.json says: ${algorithm}-${found}, expected ${integrity}`);
}

async function download(name: string, locked: Locked, folder: string): Promise<string> {
  const plain = `${name.slice(1).replace("/", "-")}-${locked.version}.tgz`;
  const file = join(folder, plain);
  if (existsSync(file)) return file;
  const partial = join(folder, "partial");
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial);
  // Without a network npm would try for more than a minute, and not say what for.
  const patience = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--loglevel=error"];
  const args = ["pack", ...patience, "--pack-destination", partial, `${name}@${locked.version}`];
  const { failed, stderr } = await execa("npm", args, { stdin: "ignore", reject: false });
  if (failed) {
    const said = stderr.split("\n").slice(0, 4).join("\n");
    throw new Error(
      `cannot get ${name} ${locked.version} from the npm registry, to keep it as ${file}:\n${said}`,
    );
  }
  renameSync(join(partial, plain), file);
  return file;
}

/** Has the package in a folder, and its Bun beside it. Returns the path of the executable. */
export async function fetchRuntime(root: string, name: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const locked = readLock(root, name);
  const file = await download(name, locked, folder);
  try {
    verify(file, locked);
  } catch (thrown) {
    rmSync(file);
    throw thrown;
  }
  // Each time anew: only the package has a checksum.
  const unpacked = file.replace(/\.tgz$/, "");
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(unpacked);
  await execa("tar", ["-xzf", file, "-C", unpacked, "package/bin/bun"], { env: { TAR_OPTIONS: "" } });
  return join(unpacked, "package/bin/bun");
}
