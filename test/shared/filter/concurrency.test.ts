import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import {
  apply,
  check,
  collect,
  installVariants,
  masqueraded,
  masqueradeOf,
  nftablesWay,
  nftMembers,
  type Operation,
  type Owner,
  owner,
  perform,
  recordFiles,
  recordsOf,
  remove,
  tools,
  type WantedText,
  ways,
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

describe.runIf(canRun(...tools)).each(ways)("many processes at once ($how)", (way) => {
  const { variant } = way;
  const records = attachments(20).map(({ who, addresses }) => masqueradeOf(way, who, addresses));
  const outcomesOf = (work: (wanted: WantedText) => Promise<unknown>, list = records) =>
    Promise.all(list.map(work));
  /** Waits until a program that never stops has begun. */
  const restless = async (script: string) => {
    const running = node.start("sh", ["-c", `echo started; ${script}`]);
    await running.firstLine();
    return running;
  };

  test("that come and go leave the rules of those that stay, and nothing of the others", async () => {
    await installVariants(node);
    const [first, second] = [records.slice(0, 10), records.slice(10)];
    expect(await outcomesOf((wanted) => apply(node, wanted, variant), first)).toEqual(nothing(first));
    const outcomes = await Promise.all([
      outcomesOf((wanted) => apply(node, wanted, variant), second),
      outcomesOf(({ owner: who }) => remove(node, who, variant), first),
    ]);
    expect(outcomes).toEqual([nothing(second), nothing(first)]);
    expect(await outcomesOf((wanted) => check(node, wanted, variant), second)).toEqual(nothing(second));
    expect(await masqueraded(node, variant)).toHaveLength(20);
    expect(await recordsOf(node)).toHaveLength(10);
    expect(await outcomesOf(({ owner: who }) => remove(node, who, variant), second)).toEqual(nothing(second));
    expect([await masqueraded(node, variant), await recordFiles(node)]).toEqual([[], []]);
  });

  test("and programs that flush the ruleset and change their own leave the kernel as the records are, after one more call", async () => {
    await installVariants(node);
    const [first, second] = [records.slice(0, 10), records.slice(10)];
    expect(await outcomesOf((wanted) => apply(node, wanted, variant), first)).toEqual(nothing(first));
    await using other = await restless(
      "while :; do nft add table ip other; nft delete table ip other; done 2>/dev/null",
    );
    await using flushing = await restless(
      `while :; do ${variant === "legacy" ? "iptables-legacy -t nat -F; ip6tables-legacy -t nat -F" : "nft flush ruleset"}; sleep 0.05; done 2>/dev/null`,
    );
    const outcomes = await Promise.all([
      outcomesOf((wanted) => apply(node, wanted, variant), second),
      outcomesOf(({ owner: who }) => remove(node, who, variant), first),
    ]);
    expect(outcomes).toEqual([nothing(second), nothing(first)]);
    await flushing.stop("SIGKILL");
    await other.stop("SIGKILL");
    expect((await recordsOf(node)).map(({ owner: { containerId } }) => containerId).sort()).toEqual(
      second.map(({ owner: { containerId } }) => containerId).sort(),
    );
    const last = masqueradeOf(way, owner("last"), ["10.0.0.200/24", "fd00::200/64"]);
    expect(await apply(node, last, variant)).toBeNull();
    const all = [...second, last];
    expect(await outcomesOf((wanted) => check(node, wanted, variant), all)).toEqual(nothing(all));
    expect(await masqueraded(node, variant)).toHaveLength(2 * all.length);
  });

  test("may be CHECKs beside ADDs on networks that were not there: none finds the rules of the others wrong", async () => {
    await installVariants(node);
    const wanted = masqueradeOf(way, owner("stays"), ["10.200.0.2/24"]);
    expect(await apply(node, wanted, variant)).toBeNull();
    const added = Array.from({ length: 30 }, (_, index) =>
      masqueradeOf(way, owner(`n${index}`, "eth0", `net${index}`), [`10.${index}.0.2/24`]),
    );
    // The ADDs one after the other, and CHECKs all the while.
    const operations = (verb: "apply" | "check", list: readonly WantedText[]) =>
      perform(
        node,
        variant,
        list.map((each): Operation => ({ verb, wanted: each })),
      );
    const checks = Array.from({ length: way.backend === "nftables" ? 300 : 10 }, () => wanted);
    const outcomes = await Promise.all([
      operations("apply", added),
      operations("check", checks),
      operations("check", checks),
    ]);
    for (const list of outcomes) expect(list.filter((outcome) => outcome !== null)).toEqual([]);
  });
});
