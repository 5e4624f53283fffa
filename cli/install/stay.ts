/** Staying up: a DaemonSet's container must not end. */

/** From now on the signals that ask for an end are heeded, also as a container's first process. */
export function listenForEnd(): { readonly ended: Promise<void> } {
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  // Without a timer there would be nothing to wait for, and the process would end by itself.
  const timer = setInterval(() => {}, 1 << 30);
  void ended.then(() => clearInterval(timer));
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, end);
  return { ended };
}
