import { describe, expect, test } from "vitest";
import { canRun, createNode, type Node, ping, Runtime, readNetwork } from "../helpers/index.ts";
import { createUnderlay } from "../helpers/underlay.ts";
import { startPod } from "./kubelet.ts";
import { configMap } from "./manifests.ts";

const bin = "/opt/cni/bin";

/** A runtime that uses what was installed, as the node's own would. */
const runtimeOf = (node: Node): Runtime =>
  new Runtime(node, readNetwork(node.path("/etc/cni/net.d/10-podwire.conflist")), bin);

/** As Kubernetes' annotations ask for. */
const bandwidth = { ingressRate: 8e6, ingressBurst: 8e5, egressRate: 8e6, egressBurst: 8e5 };

/** The devices by which pods are limited. */
const limiting = async (node: Node): Promise<string[]> => {
  const { stdout } = await node.exec("ip", ["-br", "link", "show", "type", "ifb"]);
  return stdout === "" ? [] : stdout.split("\n");
};

/** A pod with a host port has limits, too. */
async function attach(node: Node, runtime: Runtime, name: string, hostPort?: number) {
  const netns = await node.addNetns(name);
  const portMappings = hostPort === undefined ? [] : [{ hostPort, containerPort: 80, protocol: "tcp" }];
  const limits = hostPort === undefined ? {} : { bandwidth };
  const capabilities = { portMappings, ...limits };
  const attachment = { containerId: name, netns, ifname: "eth0", capabilities };
  const result = await runtime.add(attachment);
  return { attachment, result, address: result.ips?.[0]?.address.replace(/\/.*/, "") ?? "" };
}

describe.runIf(canRun("ip", "iptables", "ipset", "nft", "ping", "setpriv"))("what deploy/ installs", () => {
  test("on a single node joins two pods", async () => {
    await using node = await createNode();
    await using pod = await startPod(node, "any-name", "single-node.yaml");
    await expect
      .poll(async () => (await node.exec("ls", ["/etc/cni/net.d"])).stdout)
      .toBe("10-podwire.conflist");
    const runtime = runtimeOf(node);
    const [one, two] = [await attach(node, runtime, "one", 8080), await attach(node, runtime, "two")];
    expect(await ping(node, two.address, { netns: "one" })).toBe(true);
    expect(await limiting(node)).toHaveLength(1);
    for (const { attachment, result } of [one, two]) {
      await runtime.check(attachment, result);
      await runtime.del(attachment, result);
    }
    expect(await limiting(node)).toEqual([]);
    expect(await pod.stop()).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test("on three nodes joins their pods by the overlay", async () => {
    const names = Object.keys(configMap("vxlan-l3.yaml").data ?? {}).map((key) =>
      key.replace(".conflist", ""),
    );
    expect(names).toHaveLength(3);
    await using underlay = await createUnderlay(names.length);
    const pods: { node: Node; address: string }[] = [];
    for (const [index, node] of underlay.members.entries()) {
      await using _pod = await startPod(node, names[index] ?? "", "vxlan-l3.yaml");
      await expect
        .poll(async () => (await node.exec("ls", ["/etc/cni/net.d"])).stdout)
        .toBe("10-podwire.conflist");
      const { address } = await attach(node, runtimeOf(node), "one", 8080);
      expect(await limiting(node)).toHaveLength(1);
      pods.push({ node, address });
    }
    expect(pods.map(({ address }) => address)).toEqual(["10.244.1.2", "10.244.2.2", "10.244.3.2"]);
    for (const from of pods)
      for (const to of pods.filter((one) => one !== from))
        expect(await ping(from.node, to.address, { netns: "one" }), `to ${to.address}`).toBe(true);
  });

  test("comes too where the folders are another user's, as archives of the reference plugins leave them", async () => {
    await using node = await createNode();
    await using pod = await startPod(node, "any-name", "single-node.yaml", 1001);
    const { stdout } = await node.exec("ls", [bin, "/etc/cni/net.d"]);
    for (const name of ["podwire", "vxlan", "10-podwire.conflist"])
      expect(stdout.split("\n")).toContain(name);
    expect(await pod.stop()).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test("leaves a node that is not in the list without a network, and says so", async () => {
    await using node = await createNode();
    await using pod = await startPod(node, "node4", "vxlan-l3.yaml");
    await expect.poll(async () => (await node.exec("ls", [bin])).stdout).toContain("vxlan");
    expect((await node.exec("ls", ["-A", "/etc/cni/net.d"])).stdout).toBe("");
    expect((await pod.stop()).stderr).toContain("node4.conflist");
  });
});
