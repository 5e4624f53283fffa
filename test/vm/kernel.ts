import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";

/** A Debian kernel unpacked in a folder of its own: nothing of it is installed. */
export interface Kernel {
  readonly release: string;
  readonly image: string;
  /** The folder with `modules.dep`, as `/lib/modules/RELEASE` would be. */
  readonly modules: string;
}

export const cacheFolder = join(import.meta.dirname, "../../node_modules/.cache/podwire-vm");

/**
 * The kernel from the cache, or from Debian when the cache holds none. A newer one is not looked for: a test run
 * should need no network, and removing the cache folder is how to ask for an update.
 */
export async function fetchKernel(metaPackage: string): Promise<Kernel> {
  const folder = join(cacheFolder, "kernel");
  const cached = findKernel(folder);
  if (cached) return cached;
  mkdirSync(cacheFolder, { recursive: true });
  const work = mkdtempSync(join(cacheFolder, "download-"));
  try {
    await unpackKernel(metaPackage, work);
    // One rename at the end: an interrupted download is never taken for a kernel.
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(work, "root"), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const kernel = findKernel(folder);
  if (!kernel) throw new Error(`${metaPackage} brought no kernel image`);
  return kernel;
}

function findKernel(folder: string): Kernel | undefined {
  for (const release of list(join(folder, "lib/modules"))) {
    const image = `vmlinuz-${release}`;
    const modules = join(folder, "lib/modules", release);
    if (!list(join(folder, "boot")).includes(image) || !list(modules).includes("modules.dep")) continue;
    return { release, image: join(folder, "boot", image), modules };
  }
  return undefined;
}

/**
 * Unpacks instead of installing: the package's scripts would build an initramfs and look for a boot loader, which
 * a container has none of and a real machine must not have changed by a test.
 */
async function unpackKernel(metaPackage: string, work: string): Promise<void> {
  await downloadKernel(metaPackage, work);
  const archive = list(work).find((file) => file.endsWith(".deb"));
  if (!archive) throw new Error(`apt-get download brought no package for ${metaPackage}`);
  const root = join(work, "root");
  await execa("dpkg", ["-x", join(work, archive), root]);
  // Debian 13 has moved to /usr/lib; depmod and we look below /lib.
  if (!list(root).includes("lib")) renameSync(join(root, "usr/lib"), join(root, "lib"));
  for (const release of list(join(root, "lib/modules"))) await execa("depmod", ["-b", root, release]);
}

/** The package lists of a fresh machine may be missing or old; they are fetched only if it turns out so. */
async function downloadKernel(metaPackage: string, folder: string): Promise<void> {
  const download = async () =>
    execa("apt-get", ["download", await realPackage(metaPackage)], { cwd: folder });
  try {
    await download();
  } catch {
    await execa("apt-get", ["update"]);
    await download();
  }
}

/** The meta package names the current kernel as its dependency. */
async function realPackage(metaPackage: string): Promise<string> {
  const { stdout } = await execa("apt-cache", ["depends", metaPackage], { reject: false });
  const name = /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
  if (!name) throw new Error(`no package ${metaPackage}: the tests in test/vm need Debian's package sources`);
  return name;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
