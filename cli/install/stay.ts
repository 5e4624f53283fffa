/** The end that a signal asks for: also of a container's first process, which gets none that it does not ask for. */
import { setImmediate as turn } from "node:timers/promises";

export interface End {
  /** Lets signals come in. Throws if one has asked for an end: call it where the work may be left as it is. */
  readonly pass: () => Promise<void>;
  /** Fulfilled when a signal asks for an end; a DaemonSet's container stays up until then. */
  readonly asked: Promise<void>;
}

/** From now on the signals that ask for an end are heeded. */
export function listenForEnd(): End {
  let given: string | undefined;
  let fulfil = (): void => {};
  const asked = new Promise<void>((resolve) => {
    fulfil = resolve;
  });
  // Without a timer there would be nothing to wait for, and the process would end by itself.
  const timer = setInterval(() => {}, 1 << 30);
  void asked.then(() => clearInterval(timer));
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => {
      given = signal;
      fulfil();
    });
  const pass = async (): Promise<void> => {
    await turn();
    if (given !== undefined) throw new Error(`interrupted by ${given}`);
  };
  return { pass, asked };
}
