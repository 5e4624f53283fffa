/**
 * Signals that are blocked by rt_sigprocmask(2) and read from a signalfd(2). A blocked signal waits. This also works
 * in the first process of a container, which gets no signals that it does not handle.
 */
import { Errno } from "./errno.ts";
import { closeFile } from "./file.ts";
import { call, SystemError, tryCall } from "./libc.ts";
import { signalName } from "./signals.ts";

/** The signals that request an end, and the one of a closed pipe; signals.ts has all. */
const numbers = { SIGHUP: 1, SIGINT: 2, SIGPIPE: 13, SIGTERM: 15 } as const;

export type Signal = keyof typeof numbers;

/** Signals that are blocked. */
export interface BlockedSignals {
  /** A descriptor that is readable when a signal has arrived, to poll beside others. */
  readonly descriptor: number;
  /** The next signal; undefined if none has arrived. */
  take(): Signal | undefined;
  /** Restores the former mask. Signals that have arrived and were not taken are dropped. */
  unblock(): void;
}

/** The size of the kernel's sigset_t. */
const SET_SIZE = 8;
const SIG_BLOCK = 0;
const SIG_SETMASK = 2;

/** One bit for each signal, the first one for signal 1. All of ours are in the first two bytes. */
function setOf(signals: readonly Signal[]): Uint8Array {
  const bits = signals.reduce((all, signal) => all | (1 << (numbers[signal] - 1)), 0);
  return Uint8Array.of(bits & 0xff, bits >> 8, 0, 0, 0, 0, 0, 0);
}

/** Reads a struct signalfd_siginfo, which starts with the signal's number. The descriptor does not block. */
function read(descriptor: number): Signal | undefined {
  const info = new Uint8Array(128);
  const length = tryCall("read", descriptor, info);
  if (length === -Errno.EAGAIN) return undefined;
  if (length < 0) throw new SystemError("read", "signals", -length);
  return signalName(info[0] ?? 0) as Signal;
}

/** Blocks the signals. Programs started meanwhile have none blocked (process.ts). */
export function blockSignals(signals: readonly Signal[]): BlockedSignals {
  const SFD_NONBLOCK = 0o4000;
  const SFD_CLOEXEC = 0o2000000;
  const set = setOf(signals);
  const before = new Uint8Array(SET_SIZE);
  const descriptor = call("signalfd4", "signals", -1, set, SFD_NONBLOCK | SFD_CLOEXEC);
  call("rt_sigprocmask", "signals", SIG_BLOCK, set, before);
  return {
    descriptor,
    take: () => read(descriptor),
    unblock: () => {
      while (read(descriptor) !== undefined);
      call("rt_sigprocmask", "signals", SIG_SETMASK, before, null);
      closeFile(descriptor);
    },
  };
}
