/** The end that a signal asks for: also of a container's first process, which gets none that it does not ask for. */

import { blockSignals } from "../../shared/system/blocked-signals.ts";
import { waitForAny } from "../../shared/system/poll.ts";

export interface End {
  /** Throws if a signal has asked for an end: call it where the work may be left as it is. */
  readonly pass: () => void;
  /** Waits so long, as far as no signal asks for an end: then it throws. */
  readonly pause: (milliseconds: number) => void;
  /** Waits until a descriptor can be read from, as far as no signal asks for an end: then it throws. */
  readonly waitForInput: (descriptor: number) => void;
  /** Stays up until a signal asks for an end, as a DaemonSet's container has to. */
  readonly stay: () => void;
}

/** From now on the signals that ask for an end are heeded. The first one is; a second one ends the process as it is. */
export function listenForEnd(): End {
  const signals = blockSignals(["SIGTERM", "SIGINT"]);
  let reason: Error | undefined;
  const heed = (): boolean => {
    const signal = reason === undefined ? signals.take() : undefined;
    if (signal !== undefined) {
      reason = new Error(`interrupted by ${signal}`);
      signals.unblock();
    }
    return reason !== undefined;
  };
  const pass = (): void => {
    if (heed()) throw reason;
  };
  /** Returns whether something else than a signal has come. */
  const wait = (descriptors: readonly number[], milliseconds?: number): boolean => {
    pass();
    const ready = waitForAny([signals.descriptor, ...descriptors], "signals", milliseconds);
    pass();
    return ready.some((descriptor) => descriptor !== signals.descriptor);
  };
  return {
    pass,
    pause: (milliseconds) => void wait([], milliseconds),
    waitForInput: (descriptor) => {
      while (!wait([descriptor]));
    },
    stay: () => {
      while (!heed()) waitForAny([signals.descriptor], "signals");
    },
  };
}
