import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import {
  apply,
  check,
  installVariants,
  masqueraded,
  masqueradeOf,
  natRules,
  nftablesWay,
  owner,
  perform,
  prepare,
  recordFiles,
  remove,
  tools,
  type Way,
  ways,
} from "./world.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await installVariants(node);
});
afterEach(() => node.dispose());

const iptablesWays = ways.filter(({ backend }) => backend === "iptables");
const wanted = (way: Way, containerId: string, ...addresses: string[]) =>
  masqueradeOf(way, owner(containerId), addresses);

describe.runIf(canRun(...tools)).each(iptablesWays)("a node without iptables ($how)", (way) => {
  const hideTools = () =>
    node.exec("sh", ["-ec", "mount -t tmpfs tmpfs /usr/sbin; rm -r /run/tools-nf_tables /run/tools-legacy"]);
  const refusal = {
    code: 50,
    message: expect.stringContaining("iptables-restore is not installed"),
    details: expect.stringContaining('install the package "iptables"'),
  };

  test("is refused before anything is changed, with what to install", async () => {
    await hideTools();
    expect(await prepare(node, wanted(way, "c1", "10.1.0.2/24"), way.variant)).toMatchObject(refusal);
    expect(await apply(node, wanted(way, "c1", "10.1.0.2/24"), way.variant)).toMatchObject(refusal);
    await node.exec("umount", ["/usr/sbin"]);
    expect(await recordFiles(node)).toEqual([]);
    expect(await masqueraded(node, way.variant)).toEqual([]);
  });

  test("is served by nftables where the configuration leaves it open", async () => {
    await hideTools();
    const { backend: _, ...open } = wanted(way, "c1", "10.1.0.2/24");
    expect(await prepare(node, open, way.variant)).toBeNull();
    expect(await apply(node, open, way.variant)).toBeNull();
    expect(await check(node, wanted(nftablesWay, "c1", "10.1.0.2/24"), way.variant)).toBeNull();
    expect(await remove(node, owner("c1"), way.variant)).toBeNull();
  });
});

describe.runIf(canRun(...tools))("a process without PATH", () => {
  test("finds iptables all the same", async () => {
    const [way] = iptablesWays;
    if (way === undefined) throw new Error("a way");
    await node.exec("rm", ["-r", "/run/tools-nf_tables"]);
    expect(
      await perform(node, "nf_tables", [
        { verb: "prepare", wanted: wanted(way, "c1", "10.1.0.2/24") },
        { verb: "apply", wanted: wanted(way, "c1", "10.1.0.2/24") },
      ]),
    ).toEqual([null, null]);
    expect([...(await natRules(node, "nf_tables")), ...(await natRules(node, "legacy"))].join()).toContain(
      "10.1.0.2",
    );
  });
});

describe.runIf(canRun("flock", ...tools))("the lock of legacy iptables that another program holds", () => {
  const [, legacy] = iptablesWays;
  const way = legacy as Way;

  test("keeps an ADD from being made: code 11, and nothing is changed", async () => {
    expect(await apply(node, wanted(way, "c1", "10.1.0.2/24"), "legacy")).toBeNull();
    const before = [await natRules(node, "legacy"), await recordFiles(node)];
    const holder = node.start("flock", ["-F", "/run/xtables.lock", "sh", "-c", "echo held; exec sleep 60"]);
    await holder.firstLine();
    expect(await apply(node, wanted(way, "c2", "10.1.0.3/24"), "legacy")).toMatchObject({
      code: 11,
      message: expect.stringContaining("did not get its lock"),
      details: expect.stringContaining("/run/xtables.lock"),
    });
    await holder.stop();
    expect(await remove(node, owner("c2"), "legacy")).toBeNull();
    expect([await natRules(node, "legacy"), await recordFiles(node)]).toEqual(before);
    expect(await apply(node, wanted(way, "c2", "10.1.0.3/24"), "legacy")).toBeNull();
  });
});
