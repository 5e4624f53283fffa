/** What errors of the kernel have in common: an errno, and what it means for the person who reads it. Pure. */
import { Errno } from "./errno.ts";

/**
 * passing: a repetition may succeed. missing: this kernel cannot do it. io: the surroundings do not allow it. refused: the kernel does
 * not take the values.
 */
export type FailureKind = "passing" | "missing" | "io" | "refused";

/** Conditions that may end by themselves, on a loaded node for instance. */
const passing: readonly number[] = [
  Errno.EINTR,
  Errno.EAGAIN,
  Errno.ENOMEM,
  Errno.EBUSY,
  Errno.ENFILE,
  Errno.EMFILE,
  Errno.ENOBUFS,
];

export const isPassing = (errno: number): boolean => passing.includes(errno);

const memory =
  "the node is out of memory, or the memory cgroup of the runtime is: free memory, or raise its limit";

/** The likely cause, and what to do. */
const advice: Readonly<Record<number, string>> = {
  [Errno.EPERM]:
    "podwire must run as root, with CAP_NET_ADMIN and CAP_SYS_ADMIN; SELinux, AppArmor or seccomp may forbid it, too",
  [Errno.EACCES]:
    "podwire must run as root, with CAP_DAC_OVERRIDE for other users' folders; SELinux or AppArmor may forbid it, too",
  [Errno.EIO]: "the disk or its file system has failed: dmesg shows more",
  [Errno.ENOMEM]: memory,
  [Errno.ENOBUFS]: memory,
  [Errno.EAGAIN]:
    "a limit is reached for now, such as the number of processes (ulimit -u, TasksMax): try again",
  [Errno.EBUSY]: "another program uses it: try again",
  [Errno.EINTR]: "a signal interrupted it: try again",
  [Errno.ENOENT]: "something removed it, or it was never there: check the path",
  [Errno.ENOTDIR]: "a part of the path is a file, not a folder: correct the path",
  [Errno.EISDIR]: "a folder is in the place of a file: remove it",
  [Errno.ELOOP]: "a symbolic link is where none may be, or links form a circle: remove it",
  [Errno.ENAMETOOLONG]: "shorten the names in the path",
  [Errno.ENXIO]: "a named pipe or a device is in the place of a file: remove it",
  [Errno.ENFILE]:
    "all of the node's open files are used up: raise the sysctl fs.file-max; fs.file-nr has the number in use",
  [Errno.EMFILE]:
    "the limit of open files is used up: raise it where the runtime starts (ulimit -n, LimitNOFILE)",
  [Errno.ENOSPC]: "make room: df -h and df -i show which file system is full",
  [Errno.EDQUOT]: "the disk quota is used up: raise it, or make room",
  [Errno.EROFS]: "it is mounted read-only: mount it writable",
  [Errno.ENOSYS]: "this kernel lacks the system call, or seccomp forbids it",
};

/** Empty if the errno alone says nothing of the cause. */
export const adviceOf = (errno: number): string => advice[errno] ?? "";

/** A refusal by the kernel. The message says what was refused; it has the errno's words. */
export abstract class KernelError extends Error {
  readonly errno: number;
  abstract readonly kind: FailureKind;

  constructor(message: string, errno: number) {
    super(message);
    this.errno = errno;
  }

  /** The likely cause, and what to do. Empty if it is not known. */
  get advice(): string {
    return adviceOf(this.errno);
  }
}
