import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node, runModule } from "../../helpers/index.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

/** Commits the table "mine"; before the batch of an attempt is sent, another program commits, `disturbed` times. */
const commit = (condition: string, disturbed: number) =>
  runModule<{ attempts: number; error?: { errno: number; message: string } }>(
    node,
    `import { newTable } from "./shared/nftables/message.ts";
    import { retryCommit } from "./shared/nftables/transaction.ts";
    import { NetlinkConnection, Protocol } from "./shared/netlink/connection.ts";
    const connection = new NetlinkConnection(Protocol.netfilter);
    const other = new NetlinkConnection(Protocol.netfilter);
    const found = { attempts: 0 };
    try {
      retryCommit(connection, () => {
        found.attempts++;
        const table = { family: 1, name: "theirs" + found.attempts };
        if (found.attempts <= ${disturbed}) retryCommit(other, () => [newTable(table, "")]);
        return [newTable({ family: 1, name: "mine" }, "")];
      }, ${condition});
    } catch ({ errno, message }) {
      found.error = { errno, message };
    }
    console.log(JSON.stringify(found));`,
  );

const tables = async () => (await node.exec("nft", ["list", "tables"])).stdout.split("\n").sort();

describe.runIf(canRun("nft"))("a batch of changes", () => {
  test("is made whatever others do meanwhile", async () => {
    expect(await commit("undefined", 1)).toEqual({ attempts: 1 });
    expect(await tables()).toEqual(["table inet mine", "table inet theirs1"]);
  });

  test("that rests on the ruleset as it was is asked for again after another program's commit", async () => {
    expect(await commit('"as it was"', 0)).toEqual({ attempts: 1 });
    expect(await commit('"as it was"', 3)).toEqual({ attempts: 4 });
    expect(await tables()).toContain("table inet mine");
  });

  test("that rests on it is not made, and says so, while others never stop", async () => {
    const { attempts, error } = await commit('"as it was"', 1000);
    expect(attempts).toBe(100);
    // ERESTART.
    expect(error?.errno).toBe(85);
    expect(await tables()).not.toContain("table inet mine");
  });

  test("on a condition is made at the generation that it names, and at no other; and a trial changes nothing", async () => {
    const found = await runModule<{ errnos: number[]; generations: number[] }>(
      node,
      `import { newTable } from "./shared/nftables/message.ts";
      import { generationOf, nextGeneration, tryCommit, tryWithoutCommit } from "./shared/nftables/transaction.ts";
      import { NetlinkConnection, Protocol } from "./shared/netlink/connection.ts";
      const connection = new NetlinkConnection(Protocol.netfilter);
      const table = (name) => [newTable({ family: 1, name }, "")];
      const start = generationOf(connection);
      const errno = (refusal) => refusal?.errno ?? 0;
      const errnos = [
        errno(tryWithoutCommit(connection, table("trial"))),
        errno(tryCommit(connection, table("first"), start)),
        errno(tryCommit(connection, table("late"), start)),
        errno(tryCommit(connection, table("second"), nextGeneration(start))),
      ];
      console.log(JSON.stringify({ errnos, generations: [generationOf(connection) - start] }));`,
    );
    // ERESTART.
    expect(found).toEqual({ errnos: [0, 0, 85, 0], generations: [2] });
    expect(await tables()).toEqual(["table inet first", "table inet second"]);
  });
});
