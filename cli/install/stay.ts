/** Waits that SIGTERM, SIGINT and SIGHUP end. Process 1 of a container gets these signals only if it handles them. */

import { blockSignals } from "../../shared/system/blocked-signals.ts";
import { waitForAny } from "../../shared/system/poll.ts";

export interface End {
  /** Throws if a signal has arrived. Call it where the work can stop. */
  readonly pass: () => void;
  /** Waits this long. Throws if a signal arrives. */
  readonly pause: (milliseconds: number) => void;
  /** Waits until the descriptor is readable. Throws if a signal arrives. */
  readonly waitForInput: (descriptor: number) => void;
  /** Waits for a signal, as the container of a DaemonSet has to. */
  readonly stay: () => void;
}

/** Handles the first signal from now on. A second one ends the process at once. */
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
  /** Returns false if a signal ended the wait. */
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
