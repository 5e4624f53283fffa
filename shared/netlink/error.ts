/** The error of a refused netlink request. */
import { describeErrno, Errno } from "../system/errno.ts";
import { adviceOf, type FailureKind, isPassing, KernelError } from "../system/kernel-error.ts";

/** The kernel lacks a module or a feature. */
const unsupported: readonly number[] = [
  Errno.EPROTONOSUPPORT,
  Errno.EOPNOTSUPP,
  Errno.EAFNOSUPPORT,
  Errno.ENOTSUPP,
];

const vanished =
  "another program removed an interface meanwhile: ip monitor link shows such changes; try again";
const lacking =
  "this kernel lacks a module or an option for it: use a kernel of a distribution, with all of its modules";

/** The likely cause, and what to do, where that differs from system calls. */
const advice: Readonly<Record<number, string>> = {
  [Errno.EPERM]:
    "podwire needs CAP_NET_ADMIN in the user namespace that owns the network namespace: run it as root of the node",
  [Errno.EACCES]: "SELinux or AppArmor forbids it: see the audit log",
  [Errno.ENODEV]: vanished,
  [Errno.ENXIO]: vanished,
  [Errno.EEXIST]: "another program made the same: ip link, ip address and ip route show whose it is",
  [Errno.EMFILE]: adviceOf(Errno.EMFILE),
  [Errno.ENFILE]: adviceOf(Errno.ENFILE),
  [Errno.ENOMEM]: adviceOf(Errno.ENOMEM),
  [Errno.ENOBUFS]: adviceOf(Errno.ENOBUFS),
  [Errno.EBUSY]: "another program changes it at the same time: try again",
  [Errno.EXFULL]:
    "a bridge has 1023 ports, the most that the kernel takes: remove containers, or give part of them another bridge",
  [Errno.ENOSPC]: "a limit of the kernel is reached: dmesg shows more",
  ...Object.fromEntries(unsupported.map((errno) => [errno, lacking])),
};

/** What was asked for. `purpose` completes "could not ..."; with `index`, that interface follows. */
export interface Purpose {
  readonly purpose: string;
  readonly index?: number;
}

const subjectOf = ({ index = 0 }: Purpose, name: string): string =>
  index === 0 ? "" : ` ${name === "" ? `interface number ${index}` : `the interface ${name}`}`;

/** The kernel refused a request. */
export class NetlinkError extends KernelError {
  /** The kernel's own words; empty if it has none. */
  readonly explanation: string;
  readonly request: Purpose;

  constructor(request: Purpose, errno: number, explanation: string, interfaceName = "") {
    const kernel = explanation === "" ? "" : ` (kernel: ${explanation})`;
    const what = `${request.purpose}${subjectOf(request, interfaceName)}`;
    super(`could not ${what}: ${describeErrno(errno)}${kernel}`, errno);
    this.name = "NetlinkError";
    this.explanation = explanation;
    this.request = request;
  }

  get kind(): FailureKind {
    const { errno } = this;
    if (isPassing(errno) || errno === Errno.ENODEV) return "passing";
    if (unsupported.includes(errno)) return "missing";
    return errno === Errno.EPERM || errno === Errno.EACCES ? "io" : "refused";
  }

  override get advice(): string {
    return advice[this.errno] ?? "";
  }

  /** The same error with the name of the interface that `request.index` is. */
  named(interfaceName: string): NetlinkError {
    return new NetlinkError(this.request, this.errno, this.explanation, interfaceName);
  }
}
