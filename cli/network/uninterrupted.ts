/** Ctrl-C during an ADD must not leave half an attachment that is in no cache. */
import { blockSignals } from "../../shared/system/blocked-signals.ts";

/**
 * Runs the work to its end while SIGINT, SIGTERM and SIGHUP are blocked. A terminal sends Ctrl-C to the plugin as
 * well, as timeout(1) and systemd do with their signals. The plugin has no signal blocked: it ends, and the work fails
 * in order.
 */
export function uninterrupted<Value>(work: () => Value): Value {
  const signals = blockSignals(["SIGINT", "SIGTERM", "SIGHUP"]);
  try {
    return work();
  } finally {
    signals.unblock();
  }
}
