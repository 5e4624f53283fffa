import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node, referenceBin, referencePlugin } from "../../helpers/index.ts";
import {
  call,
  environmentOf,
  installVariants,
  natRules,
  nftMembers,
  type Owner,
  owner,
  setMembers,
} from "./world.ts";

const tools = ["iptables-nft", "iptables-legacy", "nft", "ipset", referencePlugin("bridge")];

const configuration = {
  cniVersion: "1.0.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  ipMasq: true,
  macspoofchk: true,
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]] },
};

describe.runIf(canRun(...tools)).each(["nf_tables", "legacy"] as const)(
  "what the reference made (%s)",
  (variant) => {
    const environment = environmentOf(variant);
    let node: Node;
    beforeEach(async () => {
      node = await createNode();
      await installVariants(node);
      await node.addNetns("pod");
    });
    afterEach(() => node.dispose());

    const attach = async ({ network, containerId, ifname }: Owner) => {
      const variables = {
        CNI_COMMAND: "ADD",
        CNI_CONTAINERID: containerId,
        CNI_IFNAME: ifname,
        CNI_NETNS: "/run/netns/pod",
        CNI_PATH: referenceBin,
      };
      const input = JSON.stringify({ ...configuration, name: network });
      await node.exec(referencePlugin("bridge"), [], { input, env: { ...environment, ...variables } });
    };

    const everything = async () => ({
      nat4: await natRules(node, variant),
      nat6: await natRules(node, variant, 6),
      bridge: (await node.exec("nft", ["list", "table", "bridge", "nat"])).stdout,
    });

    const remove = async (who: Owner, hasSiblings = false) => {
      expect(
        await call(node, "masquerade", "removeMasquerade", { owner: who, hasSiblings, environment }),
      ).toBeNull();
      expect(await call(node, "spoof-check", "removeSpoofCheck", who, "veth0")).toBeNull();
    };

    test("for an attachment goes with it, for others it stays", async () => {
      await attach(owner("other"));
      await attach(owner("c1", "eth1", "second"));
      const before = await everything();
      await attach(owner("c1", "eth2"));
      const during = await everything();
      expect([during.nat4.length, during.nat6.length]).toEqual([
        before.nat4.length + 4,
        before.nat6.length + 4,
      ]);
      expect(during.bridge).toContain("macspoofchk-c1-eth2");
      for (let time = 1; time <= 2; time++) {
        await remove(owner("c1", "eth2"));
        expect(await everything()).toEqual(before);
      }
    });

    test("for all interfaces of a container stays until the last one goes", async () => {
      await attach(owner("c1"));
      await attach(owner("c1", "eth1"));
      const before = await everything();
      await remove(owner("c1"), true);
      const between = await everything();
      expect([between.nat4, between.nat6]).toEqual([before.nat4, before.nat6]);
      expect(between.bridge).not.toContain("macspoofchk-c1-eth0");
      expect(between.bridge).toContain("macspoofchk-c1-eth1");
      await remove(owner("c1", "eth1"));
      const after = await everything();
      expect([after.nat4, after.nat6]).toEqual([[], []]);
      expect(after.bridge).not.toContain("macspoofchk");
      expect(after.bridge).not.toContain("cni-br-iface");
    });

    test("is collected for attachments that are not to be kept", async () => {
      await attach(owner("kept"));
      await attach(owner("kept", "eth1", "second"));
      const before = await everything();
      await attach(owner("stale", "eth2"));
      const keep = [owner("kept")];
      expect(
        await call(node, "masquerade", "collectMasquerade", { network: "net", keep, environment }),
      ).toBeNull();
      const after = await everything();
      expect([after.nat4, after.nat6]).toEqual([before.nat4, before.nat6]);
    });

    test.each([
      ["iptables", 1, 0],
      ["nftables", 0, 1],
    ])("does not keep ours from working beside it (%s)", async (backend, inSet, inTable) => {
      await attach(owner("theirs"));
      const before = await everything();
      const request = {
        owner: owner("ours"),
        addresses: ["10.1.0.9/24"],
        exceptions: [],
        backend,
        environment,
      };
      expect(await call(node, "masquerade", "ensureMasquerade", request)).toBeNull();
      expect(await call(node, "masquerade", "checkMasquerade", request)).toBeNull();
      expect(await natRules(node, variant)).toEqual(expect.arrayContaining(before.nat4));
      expect(await setMembers(node, "podwire-masq4")).toHaveLength(inSet);
      expect(await nftMembers(node, "pods4")).toHaveLength(inTable);
    });
  },
);
