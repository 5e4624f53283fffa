import { expect, test } from "vitest";
import { canRun, createNode } from "../../helpers/index.ts";
import { masqueradeOf, nftablesWay, nftMembers, type Operation, owner, perform, recordsOf } from "./world.ts";

test.runIf(canRun("nft", "ip"))(
  "hosts in network namespaces that share /run have records and rules of their own",
  async () => {
    await using node = await createNode();
    const hosts = ["one", "two"];
    await node.addNetnses(hosts);
    // The same network, address and container on both.
    const wanted = masqueradeOf(nftablesWay, owner("c1"), ["10.1.0.2/24"]);
    const make = async (netns: string, ...operations: Operation[]) =>
      expect(await perform(node, "nf_tables", operations, netns)).toEqual(operations.map(() => null));
    const stateOf = async (netns: string) => ({
      records: (await recordsOf(node, netns)).map(({ owner: { containerId } }) => containerId),
      elements: await nftMembers(node, "", netns),
    });
    const elements = ["10.1.0.2 podwire network=net container=c1 interface=eth0"];
    await make("one", { verb: "apply", wanted });
    expect(await stateOf("two")).toEqual({ records: [], elements: [] });
    await make("two", { verb: "apply", wanted });
    for (const host of hosts) expect(await stateOf(host)).toEqual({ records: ["c1"], elements });

    await node.exec("nft", ["flush", "ruleset"], { netns: "one" });
    await make("two", { verb: "check", wanted });
    const [damaged] = await perform(node, "nf_tables", [{ verb: "check", wanted }], "one");
    expect(damaged).toMatchObject({ code: 999 });
    await make("two", { verb: "remove", owner: owner("c1"), kind: "interface" });
    expect(await stateOf("two")).toEqual({ records: [], elements: [] });
    expect((await stateOf("one")).records).toEqual(["c1"]);
    const other = masqueradeOf(nftablesWay, owner("c2"), ["10.1.0.3/24"]);
    await make("one", { verb: "apply", wanted: other }, { verb: "check", wanted });
    await make("two", { verb: "collect", network: "net", keep: [], kind: "interface" });
    await make("one", { verb: "check", wanted }, { verb: "check", wanted: other });
    // A namespace that comes after another one of the same name has nothing of it.
    await node.deleteNetns("one");
    await node.addNetns("one");
    expect(await stateOf("one")).toEqual({ records: [], elements: [] });
    await make("one", { verb: "apply", wanted }, { verb: "check", wanted });
    expect(await stateOf("one")).toEqual({ records: ["c1"], elements });
  },
);
