/** STATUS by every plugin of a network. */
import type { CallContext } from "./invoke.ts";
import { askNewer, isOlderList } from "./newer-verbs.ts";

/** Asks every plugin. Says that runtimes do not ask those of an older list. */
export function status(context: CallContext): void {
  const { list, io } = context;
  if (isOlderList(context))
    io.err(
      "podwire: asking all the same: runtimes ask no plugin of a network whose cniVersion is older than 1.1.0\n",
    );
  for (const plugin of list.plugins) askNewer(context, plugin, "STATUS");
}
