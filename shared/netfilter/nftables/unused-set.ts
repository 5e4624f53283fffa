/** Sets of masqueraded addresses that have become empty, with the rules and the chain that were made for them. */
import type { NetlinkConnection } from "../../netlink/connection.ts";
import { BASE_CHAIN, chainOf, rulesAsking } from "./masquerade-rules.ts";
import { deleteChain, deleteRule, flushChain, newChain } from "./message.ts";
import { ownTable } from "./own-table.ts";
import { allElements, rulesOf } from "./question.ts";
import { deleteSet } from "./set.ts";
import { isOutdated, retryCommit } from "./transaction.ts";

/** Takes out a network that has no address any more, unless it gets one at this moment. */
export function removeUnusedSet(connection: NetlinkConnection, set: string): void {
  const [chain, isInUse] = [chainOf(set), () => allElements(connection, ownTable, set).length > 0];
  try {
    retryCommit(
      connection,
      () =>
        isInUse()
          ? []
          : [
              ...rulesAsking(rulesOf(connection, ownTable), set).map((rule) =>
                deleteRule(ownTable, BASE_CHAIN, rule.handle),
              ),
              // It may be missing, and then cannot be removed.
              newChain(ownTable, chain),
              flushChain(ownTable, chain),
              deleteChain(ownTable, chain),
              deleteSet(ownTable, set),
            ],
      "as it was",
    );
  } catch (thrown) {
    // A rule of somebody else's refers to it: then it stays, and does no harm.
    if (!isOutdated(thrown)) throw thrown;
  }
}
