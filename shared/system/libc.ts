/** System calls; only this module makes them (native/system-calls.c). */

import { describeErrno } from "./errno.ts";

/** A failed system call: its name, its object, and the errno. */
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
