import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { execa } from "execa";
import type { Kernel } from "./kernel.ts";

/** What the kernel lacks to reach its root file system: this machine's, over 9p, below an overlay. */
const bootModules = ["virtio_pci", "9pnet_virtio", "9p", "overlay"];

/**
 * A busybox, a handful of modules and `init.sh`: 3 MB instead of the 40 that Debian's tools would build, and without
 * their waiting for disks.
 */
export async function buildInitramfs(kernel: Kernel, share: string, target: string): Promise<void> {
  const tree = `${target}.tree`;
  for (const folder of ["bin", "modules"]) mkdirSync(join(tree, folder), { recursive: true });
  copyFileSync("/bin/busybox", join(tree, "bin/busybox"));
  copyFileSync(join(import.meta.dirname, "init.sh"), join(tree, "init"));
  const agent = join(import.meta.dirname, "agent.sh");
  const settings = { SHARE: share, AGENT: agent, RELEASE: kernel.release, MODULES: kernel.modules };
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${quote(value)}\n`);
  writeFileSync(join(tree, "settings"), lines.join(""));
  await copyModules(kernel, join(tree, "modules"));
  const pack = "chmod 755 init && find . | busybox cpio -o -H newc";
  await execa("busybox", ["sh", "-c", pack], { cwd: tree, stdout: { file: target } });
}

/** Numbers the modules in the order of loading, so that a bare `insmod` over the sorted files is enough. */
async function copyModules(kernel: Kernel, folder: string): Promise<void> {
  const files = loadOrder(readFileSync(join(kernel.modules, "modules.dep"), "utf8"), bootModules);
  for (const [index, file] of files.entries()) {
    const number = String(index).padStart(2, "0");
    const source = join(kernel.modules, file);
    const target = join(folder, `${number}-${basename(file).replace(/\.ko.*/, ".ko")}`);
    if (file.endsWith(".xz")) await execa("xz", ["-dc", source], { stdout: { file: target } });
    else copyFileSync(source, target);
  }
}

/** The modules and everything they need, what is needed first. */
export function loadOrder(modulesDep: string, wanted: readonly string[]): string[] {
  const needs = new Map<string, string[]>();
  for (const line of modulesDep.split("\n")) {
    const [file, rest] = line.split(":");
    if (file) needs.set(file, rest?.split(" ").filter(Boolean) ?? []);
  }
  const byName = new Map([...needs.keys()].map((file) => [basename(file).replace(/\.ko.*/, ""), file]));
  const order = new Set<string>();
  const visit = (file: string) => {
    for (const need of needs.get(file) ?? []) if (!order.has(need)) visit(need);
    order.add(file);
  };
  for (const name of wanted) {
    const file = byName.get(name);
    // A kernel that has it built in does not list it.
    if (file) visit(file);
  }
  return [...order];
}

function quote(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
