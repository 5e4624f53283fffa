import { existsSync } from "node:fs";
import { execa } from "execa";
import { fetchKernel, type Kernel } from "./kernel.ts";
import packages from "./packages.json" with { type: "json" };

/** What apt has to install before a virtual machine can be booted: scripts/setup.mjs reads the same list. */
export const vmPackages: readonly string[] = packages.install;

/** A file of each package: asking dpkg instead would refuse a qemu that was built by hand. */
const needed = [
  "/usr/bin/qemu-system-x86_64",
  "/bin/busybox",
  "/sbin/depmod",
  "/usr/bin/setpriv",
  "/sbin/ip",
  "/sbin/iptables",
  "/sbin/ipset",
  "/bin/ping",
  "/usr/bin/tcpdump",
];

/** Makes the machine able to boot the virtual machine, and says which kernel it will be. */
export async function prepareVm(): Promise<Kernel> {
  if (process.arch !== "x64") throw new Error(`the virtual machine is x86-64 only, this is ${process.arch}`);
  if (!needed.every((file) => existsSync(file))) await installPackages();
  return await fetchKernel(packages.kernel);
}

async function installPackages(): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new Error(`the tests in test/vm need root, or these packages installed: ${vmPackages.join(" ")}`);
  }
  const lock = ["-o", "DPkg::Lock::Timeout=300"];
  await execa("apt-get", [...lock, "update"]);
  await execa("apt-get", [...lock, "install", "-y", "--no-install-recommends", ...vmPackages], {
    env: { DEBIAN_FRONTEND: "noninteractive" },
  });
}
