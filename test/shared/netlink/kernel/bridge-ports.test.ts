import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../../helpers/index.ts";
import { ipLink, newBridge } from "./ip-link.ts";
import { doOnNode, onNode } from "./run.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

describe.runIf(canRun("ip"))("a bridge port", () => {
  test.each([true, false])("has hairpin, isolation and alias set: %s", async (on) => {
    await doOnNode(node, newBridge);
    await node.exec("ip", ["link", "add", "v0", "master", "br0", "type", "veth", "peer", "v1"]);
    const opposite = on ? "off" : "on";
    await node.exec("ip", [
      "link",
      "set",
      "v0",
      "type",
      "bridge_slave",
      "hairpin",
      opposite,
      "isolated",
      opposite,
    ]);
    const read = await onNode(
      node,
      `host.execute(bridges.setPort("v0", { alias: "podwire x", hairpin: ${on}, isolated: ${on}, up: ${on} }));
       const port = links.findLink(host, "v0");
       say([bridges.isHairpin(port), bridges.isIsolated(port), port.alias, port.isUp]);`,
    );
    expect(read).toEqual([on, on, "podwire x", on]);
    expect(await ipLink(node, "v0")).toMatchObject({
      ifalias: "podwire x",
      linkinfo: { info_slave_data: { hairpin: on, isolated: on } },
    });
  });

  test("is forwarding once both ends and the bridge are up", async () => {
    await doOnNode(node, newBridge);
    await node.exec("ip", ["link", "add", "v0", "master", "br0", "type", "veth", "peer", "v1"]);
    const isForwarding = () => onNode<boolean>(node, 'say(isForwarding(links.findLink(host, "v0")));');
    expect(await isForwarding()).toBe(false);
    for (const link of ["br0", "v0", "v1"]) await node.exec("ip", ["link", "set", link, "up"]);
    await expect.poll(isForwarding).toBe(true);
  });
});
