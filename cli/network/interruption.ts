/** Ctrl-C in the midst of an ADD must not leave half an attachment that nothing remembers. */

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const outlive = (): void => {};

/**
 * Does the work to its end, whatever signal asks for an end meanwhile. A terminal sends Ctrl-C to the plugin as well,
 * and timeout(1) and systemd send theirs to all: the plugin ends by it, and the work fails in order. A plugin's own
 * handling of signals is not touched: handlers are gone with execve(2).
 */
export function outliveSignals<Value>(work: () => Value): Value {
  for (const signal of signals) process.on(signal, outlive);
  try {
    return work();
  } finally {
    for (const signal of signals) process.off(signal, outlive);
  }
}
