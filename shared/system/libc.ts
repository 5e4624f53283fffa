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

type AnyCall = (...values: unknown[]) => number;

/** Makes a system call; returns its value, or the negated errno. */
export const tryCall: <Call extends Name>(name: Call, ...values: Arguments<Call>) => number = (
  name: Name,
  // No rest parameter: to gather the arguments and to spread them takes as long as a short call, 1 us. A native passes over what
  // its call does not have.
  first?: unknown,
  second?: unknown,
  third?: unknown,
  fourth?: unknown,
  fifth?: unknown,
) => (native[name] as AnyCall)(first, second, third, fourth, fifth);

/** As tryCall, but throws SystemError; `object` names what was worked on. */
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
