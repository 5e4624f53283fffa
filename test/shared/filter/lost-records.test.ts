/** Records that are deleted while containers live: nothing that lives is cut, and everything finds its owner again. */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  canRun,
  createNode,
  createOutside,
  type Node,
  type Outside,
  projectRoot,
  startUdpEcho,
} from "../../helpers/index.ts";
import {
  createPods,
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
  tools,
  type WantedText,
  type Way,
  ways,
} from "./world.ts";

let node: Node;
let outside: Outside;
beforeEach(async () => {
  node = await createNode();
  outside = await createOutside(node);
  await installVariants(node);
});
afterEach(async () => {
  await outside.dispose();
  await node.dispose();
});

const make = async (way: Way, ...operations: Operation[]) =>
  expect(await perform(node, way.variant, operations)).toEqual(operations.map(() => null));

const wipes = [
  ["all folders", "rm -r /run/podwire"],
  ["the folder of the namespace", "rm -r /run/podwire/filter/*"],
  ["the files in the folders", "cd /run/podwire/filter/* && rm records/* reservations/*"],
] as const;
const wipe = (script: string) => node.exec("sh", ["-ec", script]);

const recordOf = (way: Way, who: Owner, index: number): WantedText => ({
  ...masqueradeOf(way, who, [`10.1.0.${index}/24`, `fd00:1::${index}/64`], ["192.0.2.0/24"]),
  spoofCheck: { port: `host-p${index}`, mac: `02:00:00:00:00:0${index}` },
});
const removal = ({ owner: who, kind }: WantedText): Operation => ({ verb: "remove", owner: who, kind });
const collection = (network: string, ...keep: Owner[]): Operation => ({
  verb: "collect",
  network,
  keep,
  kind: "interface",
});

/** Calls after which the records are there again, and whose container is not the one that is looked at. */
const calls = (way: Way): [string, Operation][] => [
  ["ADD of another container", { verb: "apply", wanted: recordOf(way, owner("c3"), 3) }],
  ["ADD on another network", { verb: "apply", wanted: recordOf(way, owner("c3", "eth0", "other"), 3) }],
  ["DEL of another container", removal(recordOf(way, owner("c2"), 2))],
  ["GC of the network", collection("net", owner("c1"))],
  ["GC of another network", collection("other")],
];

describe.runIf(canRun(...tools)).each(ways)("records that were deleted ($how)", (way) => {
  test.each(wipes)("come back with the next call of any attachment: %s", async (_what, script) => {
    const [one, two] = [1, 2].map((index) => recordOf(way, owner(`c${index}`), index)) as [
      WantedText,
      WantedText,
    ];
    for (const [what, call] of calls(way)) {
      await make(way, { verb: "apply", wanted: one }, { verb: "apply", wanted: two });
      const files = await recordFiles(node);
      const before = await masqueraded(node, way.variant);
      await wipe(script);
      expect(await perform(node, way.variant, [{ verb: "check", wanted: one }]), what).toMatchObject([
        { code: 999, message: expect.stringContaining("records") },
      ]);
      await make(way, call);
      await make(way, { verb: "check", wanted: one });
      const isLeft = (line: string) => !/ (c2|c3) /.test(line);
      expect((await masqueraded(node, way.variant)).filter(isLeft), what).toEqual(before.filter(isLeft));
      expect((await recordsOf(node)).map(({ owner: { containerId } }) => containerId)).toContain("c1");
      // Its own DEL finds what is its, and so does that of the other one.
      await make(
        way,
        removal(one),
        removal(two),
        removal(recordOf(way, owner("c3"), 3)),
        removal(recordOf(way, owner("c3", "eth0", "other"), 3)),
      );
      expect(
        [await masqueraded(node, way.variant), await nftMembers(node), await recordFiles(node)],
        what,
      ).toEqual([[], [], []]);
      expect(files).toHaveLength(6);
    }
  });

  test.each(wipes)("do not keep DEL or GC from finding what is theirs: %s", async (_what, script) => {
    const wanted = [1, 2].map((index) => recordOf(way, owner(`c${index}`), index));
    for (const call of [removal(wanted[0] as WantedText), collection("net", owner("c2"))]) {
      await make(way, ...wanted.map((each): Operation => ({ verb: "apply", wanted: each })));
      await wipe(script);
      await make(way, call);
      expect(await masqueraded(node, way.variant)).toEqual(["10.1.0.2 net c2 eth0", "fd00:1::2 net c2 eth0"]);
      expect((await nftMembers(node, "allowed")).join()).toMatch(/^host-p2 \. 02:00:00:00:00:02 [^,]*$/);
      await make(way, { verb: "check", wanted: wanted[1] as WantedText });
    }
  });

  test("lose no packet of a connection, or of a new one, while they come back", async () => {
    await createPods(node, { p1: ["10.1.0.1", "fd00:1::1"] });
    await startUdpEcho(outside, 7000);
    await make(way, { verb: "apply", wanted: recordOf(way, owner("c1"), 1) });
    const program = join(projectRoot, "test/helpers/steady-traffic.mjs");
    const clients = [outside.address4, outside.address6].map((address) =>
      node.start(process.execPath, [program, address, "7000"], { netns: "p1" }),
    );
    for (const client of clients) await client.firstLine();
    for (const [, script] of wipes) {
      await wipe(script);
      await make(way, { verb: "apply", wanted: recordOf(way, owner("c2"), 2) });
      await wipe(script);
      await make(way, collection("net", owner("c1"), owner("c2")));
      await wipe(script);
      await make(way, removal(recordOf(way, owner("c2"), 2)));
    }
    for (const client of clients) {
      const { stdout } = await client.stop("SIGTERM");
      const { asked, lost } = JSON.parse(stdout.split("\n")[1] ?? "{}") as { asked: number; lost: number };
      expect(asked).toBeGreaterThan(100);
      expect(lost).toBe(0);
    }
    await make(way, { verb: "check", wanted: recordOf(way, owner("c1"), 1) });
  });
});

describe.runIf(canRun(...tools))("one record that was deleted", () => {
  test("comes back with the next GC, which keeps the attachment that the runtime knows", async () => {
    const wanted = recordOf(nftablesWay, owner("c1"), 1);
    await make(nftablesWay, { verb: "apply", wanted });
    const files = await recordFiles(node);
    await wipe("rm /run/podwire/filter/*/records/*.interface");
    await make(nftablesWay, { verb: "apply", wanted: recordOf(nftablesWay, owner("c2"), 2) });
    await make(nftablesWay, { verb: "check", wanted });
    await make(nftablesWay, collection("net", owner("c1")));
    expect(await recordFiles(node)).toEqual(files);
    await make(nftablesWay, { verb: "check", wanted }, removal(wanted));
    expect(await nftMembers(node)).toEqual([]);
  });
});
