/** Waits that end on SIGTERM or SIGINT. The kernel gives process 1 of a container only signals that it handles. */

import { blockSignals } from "../../shared/system/blocked-signals.ts";
import { waitForAny } from "../../shared/system/poll.ts";

export interface Termination {
  /** Throws if a signal has arrived. Call it where the work can stop. */
  readonly throwIfRequested: () => void;
  /** Waits this long. Throws if a signal arrives. */
  readonly pause: (milliseconds: number) => void;
  /** Waits until the descriptor is readable. Throws if a signal arrives. */
  readonly waitForInput: (descriptor: number) => void;
  /** Waits for a signal, as the container of a DaemonSet has to. */
  readonly stay: () => void;
}

/** Handles the first signal from now on. A second one ends the process at once. */
export function listenForTermination(): Termination {
  const signals = blockSignals(["SIGTERM", "SIGINT"]);
  let reason: Error | undefined;
  const hasArrived = (): boolean => {
    const signal = reason === undefined ? signals.take() : undefined;
    if (signal !== undefined) {
      reason = new Error(`interrupted by ${signal}`);
      signals.unblock();
    }
    return reason !== undefined;
  };
  const throwIfRequested = (): void => {
    if (hasArrived()) throw reason;
  };
  /** Returns false if a signal ended the wait. */
  const wait = (descriptors: readonly number[], milliseconds?: number): boolean => {
    throwIfRequested();
    const ready = waitForAny([signals.descriptor, ...descriptors], "signals", milliseconds);
    throwIfRequested();
    return ready.some((descriptor) => descriptor !== signals.descriptor);
  };
  return {
    throwIfRequested,
    pause: (milliseconds) => void wait([], milliseconds),
    waitForInput: (descriptor) => {
      while (!wait([descriptor]));
    },
    stay: () => {
      while (!hasArrived()) waitForAny([signals.descriptor], "signals");
    },
  };
}
