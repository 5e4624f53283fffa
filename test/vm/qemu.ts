import { execa } from "execa";

export interface QemuFiles {
  readonly image: string;
  readonly initramfs: string;
  /** The folder that is writable inside, too. */
  readonly share: string;
  /** Where the kernel's console goes. */
  readonly log: string;
}

/**
 * The emulated kernel's parameters, and why:
 * - norandmaps: the emulator keeps its translation of a program only while the program lies at the same addresses;
 *   without this every process is translated again, and takes 1.6 times as long.
 * - lsm=selinux: for tests of contexts. Without a policy SELinux forbids nothing.
 * - panic=-1, with -no-reboot: the end of the kernel or of its first process ends qemu, not the time limit.
 */
const kernelOptions = "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off norandmaps lsm=selinux";

/**
 * Emulation, never KVM: it is there on every machine, and works where nested guests hang. One processor, because
 * emulated ones spend more time on waiting for each other than a second one is worth (1.7 times the work).
 */
const processor = ["-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "1024"];

/** Two network cards at the ends of one cable, for tests of what only hardware does. */
const cable = ["0", "1"].flatMap((id) => [
  ...["-netdev", `hubport,id=end${id},hubid=0`],
  ...["-device", `virtio-net-pci,netdev=end${id},mac=52:54:00:00:00:0${id}`],
]);

const hardware = [...processor, ...cable];

/** Starts qemu; its standard input and output are the second serial port of the machine. */
export function startQemu({ image, initramfs, share, log }: QemuFiles) {
  const fs = (path: string, tag: string, more: string) =>
    `local,path=${path.replaceAll(",", ",,")},mount_tag=${tag},security_model=none,multidevs=remap${more}`;
  const args = [
    // The kernel kills qemu with its parent: a test run that is itself killed leaves no machine behind.
    ...["--pdeathsig", "KILL", "qemu-system-x86_64", ...hardware],
    ...["-display", "none", "-nodefaults", "-no-user-config", "-no-reboot"],
    ...["-serial", `file:${log.replaceAll(",", ",,")}`, "-serial", "stdio"],
    ...["-kernel", image, "-initrd", initramfs, "-append", kernelOptions],
    ...["-virtfs", fs("/", "hostroot", ",readonly=on"), "-virtfs", fs(share, "share", "")],
  ];
  const qemu = execa("setpriv", args, { stdin: "pipe", buffer: { stdout: false }, reject: false });
  // A write to a machine that has just ended is reported by its end, not by the pipe.
  qemu.stdin.on("error", () => {});
  return qemu;
}
