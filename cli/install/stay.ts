/** The end that a signal asks for: also of a container's first process, which gets none that it does not ask for. */
import { setImmediate as turn } from "node:timers/promises";

export interface End {
  /** Lets signals come in. Throws if one has asked for an end: call it where the work may be left as it is. */
  readonly pass: () => Promise<void>;
  /** Rejected when a signal asks for an end: to race with what may wait for ever. */
  readonly interruption: Promise<never>;
}

/** From now on the signals that ask for an end are heeded. */
export function listenForEnd(): End {
  let interrupt = (_: string): void => {};
  let reason: Error | undefined;
  const interruption = new Promise<never>((_, reject) => {
    interrupt = (signal) => {
      reason = new Error(`interrupted by ${signal}`);
      reject(reason);
    };
  });
  // Without a timer there would be nothing to wait for, and the process would end by itself.
  const timer = setInterval(() => {}, 1 << 30);
  interruption.catch(() => clearInterval(timer));
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, interrupt);
  const pass = async (): Promise<void> => {
    await turn();
    if (reason !== undefined) throw reason;
  };
  return { pass, interruption };
}

/** Stays up until a signal asks for an end, as a DaemonSet's container has to. */
export const stayUp = ({ interruption }: End): Promise<void> => interruption.catch(() => undefined);
