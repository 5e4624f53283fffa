/** Ctrl-C in the midst of an ADD must not leave half an attachment that nothing remembers. */
import { blockSignals } from "../../shared/system/blocked-signals.ts";

/**
 * Does the work to its end, whatever signal asks for an end meanwhile. A terminal sends Ctrl-C to the plugin as well,
 * and timeout(1) and systemd send theirs to all: the plugin, for which no signal is blocked, ends by it, and the work
 * fails in order.
 */
export function outliveSignals<Value>(work: () => Value): Value {
  const signals = blockSignals(["SIGINT", "SIGTERM", "SIGHUP"]);
  try {
    return work();
  } finally {
    signals.unblock();
  }
}
