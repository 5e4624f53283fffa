/** System calls: the one place that makes them (native/system-calls.c). */

import { describeErrno } from "./errno.ts";

/** A failed system call: which, on what, and the errno. */
export class SystemError extends Error {
  readonly errno: number;

  constructor(call: string, object: string, errno: number) {
    super(`${call} ${object}: ${describeErrno(errno)}`);
    this.name = "SystemError";
    this.errno = errno;
  }
}

type Name = keyof SystemCalls;
type Arguments<Call extends Name> = Parameters<SystemCalls[Call]>;

/** Makes a system call; returns its value, or the negated errno. */
export function tryCall<Call extends Name>(name: Call, ...values: Arguments<Call>): number {
  return (native[name] as (...values: unknown[]) => number)(...values);
}

/** As tryCall, but throws SystemError; `object` names what was worked on. */
export function call<Call extends Name>(name: Call, object: string, ...values: Arguments<Call>): number {
  const returned = tryCall(name, ...values);
  if (returned < 0) throw new SystemError(name, object, -returned);
  return returned;
}
