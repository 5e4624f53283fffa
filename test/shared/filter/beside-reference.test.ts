import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node, referenceBin, referencePlugin } from "../../helpers/index.ts";
import {
  apply,
  check,
  environmentOf,
  installVariants,
  masqueraded,
  masqueradeOf,
  natRules,
  owner,
  remove,
  tools,
  ways,
} from "./world.ts";

const configuration = {
  cniVersion: "1.0.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  ipMasq: true,
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]] },
};

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await installVariants(node);
  await node.addNetns("pod");
});
afterEach(() => node.dispose());

describe.runIf(canRun(...tools, referencePlugin("bridge"))).each(ways)(
  "what the reference made ($how)",
  (way) => {
    test("stays as it is while ours comes and goes beside it", async () => {
      const variables = {
        CNI_COMMAND: "ADD",
        CNI_CONTAINERID: "theirs",
        CNI_IFNAME: "eth0",
        CNI_NETNS: "/run/netns/pod",
        CNI_PATH: referenceBin,
      };
      await node.exec(referencePlugin("bridge"), [], {
        input: JSON.stringify(configuration),
        env: { ...environmentOf(way.variant), ...variables },
      });
      const theirs = async () => [
        ...(await natRules(node, way.variant)),
        ...(await natRules(node, way.variant, 6)),
      ];
      const before = await theirs();
      expect(before.filter((rule) => rule.startsWith(":CNI-"))).toHaveLength(2);
      const wanted = masqueradeOf(way, owner("ours"), ["10.1.0.9/24"]);
      expect(await apply(node, wanted, way.variant)).toBeNull();
      expect(await check(node, wanted, way.variant)).toBeNull();
      expect(await theirs()).toEqual(expect.arrayContaining(before));
      expect(await masqueraded(node, way.variant)).toEqual(["10.1.0.9 net ours eth0"]);
      expect(await remove(node, owner("ours"), way.variant)).toBeNull();
      expect((await theirs()).filter((rule) => !rule.includes("PODWIRE-"))).toEqual(before);
    });
  },
);
