import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import {
  apply,
  check,
  collect,
  masqueradeOf,
  nftablesWay,
  nftMembers,
  type Owner,
  owner,
  remove,
} from "./world.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

const act = (name: "ensure" | "check", who: Owner, addresses: readonly string[]) =>
  (name === "ensure" ? apply : check)(node, masqueradeOf(nftablesWay, who, addresses));
const detach = (who: Owner) => remove(node, who);
const collectAll = (network: string, keep: readonly Owner[]) => collect(node, network, keep);

/** The addresses of an attachment: in one of three networks of its family. */
const addressesOf = (index: number) => [
  `10.${index % 3}.0.${index + 2}/24`,
  `fd00:${index % 3}::${index + 2}/64`,
];
const listing = async () => (await node.exec("nft", ["list", "table", "inet", "podwire"])).stdout;
const attachments = (count: number, prefix = "c", network = "net") =>
  Array.from({ length: count }, (_, index) => ({
    who: owner(`${prefix}${index}`, "eth0", network),
    addresses: addressesOf(index),
  }));
const nothing = (outcomes: readonly unknown[]) => outcomes.map(() => null);

const expectAllWell = async (held: readonly { who: Owner; addresses: readonly string[] }[]) => {
  for (const { who, addresses } of held) expect(await act("check", who, addresses)).toBeNull();
};

describe.runIf(canRun("nft"))("many processes at once", () => {
  test("that are the first of three networks make every rule once", async () => {
    const all = attachments(20);
    const outcomes = await Promise.all(all.map(({ who, addresses }) => act("ensure", who, addresses)));
    expect(outcomes).toEqual(nothing(outcomes));
    const text = await listing();
    expect(text.match(/goto /g)).toHaveLength(6);
    expect(text.match(/ fully-random /g)).toHaveLength(6);
    expect(text.match(/multicast/g)).toHaveLength(2);
    expect(await nftMembers(node, "pods")).toHaveLength(40);
    await expectAllWell(all);
    const removals = await Promise.all(all.map(({ who }) => detach(who)));
    expect(removals).toEqual(nothing(removals));
    expect(await nftMembers(node, "")).toEqual([]);
  });

  test("do not mind that another program changes its own table all the time", async () => {
    const script = `echo started
      while :; do
        for port in 1 2 3 4 5; do
          printf 'add table ip other\\nflush table ip other\\nadd chain ip other c\\nadd rule ip other c tcp dport %s accept\\n' $port | nft -f - || exit 1
        done
      done`;
    const other = node.start("sh", ["-c", script]);
    await other.firstLine();
    const all = attachments(20);
    const outcomes = await Promise.all(all.map(({ who, addresses }) => act("ensure", who, addresses)));
    expect(outcomes).toEqual(nothing(outcomes));
    await expectAllWell(all.slice(0, 3));
    const removals = await Promise.all(all.map(({ who }) => detach(who)));
    expect(removals).toEqual(nothing(removals));
    expect(await collectAll("net", [])).toBeNull();
    expect(await nftMembers(node, "")).toEqual([]);
    expect((await other.stop("SIGKILL")).signal).toBe("SIGKILL");
  });

  test("may be ADDs and GCs: what an ADD adds, no GC takes away, though its network was just unused", async () => {
    // GC of another network finds these networks unused whenever the last address has gone.
    for (let round = 0; round < 2; round++) {
      const all = attachments(9, `r${round}-`);
      const calls = all.flatMap(({ who, addresses }, index) => [
        act("ensure", who, addresses),
        collectAll(index % 2 === 0 ? "other" : "third", []),
      ]);
      const outcomes = await Promise.all(calls);
      expect(outcomes).toEqual(nothing(outcomes));
      await expectAllWell(all);
      const ends = await Promise.all(all.flatMap(({ who }) => [detach(who), collectAll("other", [])]));
      expect(ends).toEqual(nothing(ends));
      expect(await nftMembers(node, "")).toEqual([]);
    }
  });

  test("may be a GC of dead owners while their addresses get new ones", async () => {
    for (let round = 0; round < 2; round++) {
      const dead = attachments(9, `dead${round}-`);
      for (const { who, addresses } of dead) {
        expect(await act("ensure", who, addresses)).toBeNull();
      }
      const alive = attachments(9, `alive${round}-`);
      const keep = alive.map(({ who }) => who);
      const outcomes = await Promise.all(
        alive.flatMap(({ who, addresses }) => [act("ensure", who, addresses), collectAll("net", keep)]),
      );
      expect(outcomes).toEqual(nothing(outcomes));
      await expectAllWell(alive);
      expect(await nftMembers(node, "pods")).toHaveLength(18);
      expect(await collectAll("net", [])).toBeNull();
    }
  });
});
