/** System calls; only this module makes them (native/system-calls.c). */

import { describeErrno, Errno } from "./errno.ts";
import { type FailureKind, isPassing, KernelError } from "./kernel-error.ts";

/** For a file of /proc/sys, which is there and writable on every node with the kernel's feature. */
function sysctlAdvice(path: string, errno: number): string | undefined {
  if (!path.startsWith("/proc/sys/")) return undefined;
  if (errno === Errno.ENOENT) return "the kernel lacks this sysctl, or the interface is gone";
  const key = path.slice("/proc/sys/".length).replaceAll("/", ".");
  return errno === Errno.EROFS ? `mount /proc/sys writable, or set ${key} beforehand` : undefined;
}

/** A failed system call: its name, its object, and the errno. */
export class SystemError extends KernelError {
  readonly object: string;

  constructor(call: string, object: string, errno: number) {
    super(`${call} ${object}: ${describeErrno(errno)}`, errno);
    this.name = "SystemError";
    this.object = object;
  }

  override get advice(): string {
    return sysctlAdvice(this.object, this.errno) ?? super.advice;
  }

  get kind(): FailureKind {
    return isPassing(this.errno) ? "passing" : "io";
  }
}

type Name = keyof SystemCalls;
type Arguments<Call extends Name> = Parameters<SystemCalls[Call]>;

type AnyCall = (...values: unknown[]) => number;

/** Makes a system call. Returns its value, or the negated errno. */
export const tryCall: <Call extends Name>(name: Call, ...values: Arguments<Call>) => number = (
  name: Name,
  // No rest parameter: collecting and spreading the arguments takes 1 us, as long as a short call. A native ignores
  // arguments that its call does not have.
  first?: unknown,
  second?: unknown,
  third?: unknown,
  fourth?: unknown,
  fifth?: unknown,
) => (native[name] as AnyCall)(first, second, third, fourth, fifth);

/** Like tryCall, but throws SystemError; `object` names what the call works on. */
export const call: <Call extends Name>(name: Call, object: string, ...values: Arguments<Call>) => number = (
  name: Name,
  object: string,
  first?: unknown,
  second?: unknown,
  third?: unknown,
  fourth?: unknown,
  fifth?: unknown,
) => {
  const returned = (native[name] as AnyCall)(first, second, third, fourth, fifth);
  if (returned < 0) throw new SystemError(name, object, -returned);
  return returned;
};
