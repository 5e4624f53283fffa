/** What the kernel refuses, in the words of the configuration. */
import { describe, expect, test } from "vitest";
import { canRun, type Node } from "../../helpers/index.ts";
import { hostState, links } from "../attachment/kernel-state.ts";
import {
  failed,
  Host,
  hostLocal,
  type Keys,
  network,
  programs,
  subnet4,
  subnet6,
  succeeded,
} from "./host.ts";

/** Refused before or after the first change: nothing is left of it. */
const refused = async (
  config: Keys,
  code: number,
  words: RegExp,
  prepare?: (node: Node) => Promise<unknown>,
) => {
  await using host = await Host.create();
  await prepare?.(host.node);
  const pod = await host.pod("a");
  const before = await hostState(host.node);
  const { details } = failed(await host.call("ADD", pod, config), code, words);
  expect(details).not.toMatch(/report/);
  expect(await links(host.node, "a")).toHaveLength(1);
  const after = await hostState(host.node);
  expect({ ...after, files: [] }).toEqual({ ...before, files: [] });
  return host;
};

const dual = (keys: Keys = {}) => network({ ipam: hostLocal([subnet4, subnet6]), ...keys });

describe.runIf(canRun(...programs))("an MTU below IPv6's least", () => {
  test.each([
    ["with a gateway", { isGateway: true }],
    ["without a gateway", {}],
  ])("is refused beside a range of IPv6, by ADD and by STATUS: %s", async (_kind, keys) => {
    const config = dual({ ...keys, mtu: 1279 });
    await refused(config, 7, /"mtu" is 1279.*1280/);
    await using host = await Host.create();
    failed(await host.call("STATUS", undefined, config), 7, /"mtu" is 1279.*1280/);
    await host.add(await host.pod("a"), dual({ ...keys, mtu: 1280 }));
  });

  test("is refused beside ranges that the runtime gives", async () => {
    const runtimeConfig = { ipRanges: [[{ subnet: subnet6 }]] };
    await refused(network({ mtu: 1000, ipam: { type: "host-local" }, runtimeConfig }), 7, /"mtu" is 1000/);
  });

  test("of the bridge is named as the cause that it takes no gateway address", async () => {
    const makeBridge = (node: Node) =>
      node.exec("sh", ["-c", "ip link add br0 mtu 1200 type bridge && ip link set br0 up"]);
    await refused(
      dual({ isGateway: true, mtu: 1500 }),
      7,
      /br0 cannot have the gateway address fd00:1::1\/64: its MTU is 1200/,
      makeBridge,
    );
  });
});

describe.runIf(canRun(...programs))("a gateway that is in no network of the container", () => {
  test.each([
    ["IPv4", "10.1.0.0/24", "10.9.0.1", "0.0.0.0/0"],
    ["IPv6", "2001:db8:5:333::/64", "2001:db8:5::1", "::/0"],
  ])("is named with its route, and with what to write: %s", async (_family, subnet, gateway, dst) => {
    const ipam = { type: "host-local", ranges: [[{ subnet, gateway }]], routes: [{ dst }] };
    const words = new RegExp(
      `gateway ${gateway} of the route to ${dst} is in no network of eth0 .*"scope": 253`,
    );
    await refused(network({ ipam }), 7, words);
    const routes = [{ dst: `${gateway}/${subnet.includes(":") ? 128 : 32}`, scope: 253 }, { dst }];
    await using host = await Host.create();
    await host.add(await host.pod("a"), network({ ipam: { ...ipam, routes } }));
  });

  test("is not blamed for a route that is impossible by itself", async () => {
    const routes = [{ dst: "192.0.2.0/24", scope: 254 }];
    await refused(
      network({
        ipam: hostLocal([subnet4], {
          routes: [...routes, { dst: "192.0.3.0/24", gw: "10.1.0.1", scope: 253 }],
        }),
      }),
      7,
      /route to 192\.0\.3\.0\/24 is impossible on eth0.*"ipam"/,
    );
  });
});

/** Fills br0: 1023 is the most ports that a bridge has. */
const fill = (node: Node, left: number) => {
  const lines = ["link add br0 type bridge"];
  for (let at = 0; at < 1023 - left; at += 2) {
    lines.push(`link add a${at} master br0 type veth peer name b${at}`);
    if (at + 1 < 1023 - left) lines.push(`link set b${at} master br0`);
  }
  return node.exec("ip", ["-batch", "-"], { input: `${lines.join("\n")}\n` });
};

describe.runIf(canRun(...programs))("a bridge without a free port", () => {
  test("is named by STATUS and ADD, with what to do", async () => {
    await using host = await Host.create();
    await fill(host.node, 1);
    const config = network();
    succeeded(await host.call("STATUS", undefined, config));
    await host.add(await host.pod("last"), config);
    failed(await host.call("STATUS", undefined, config), 50, /br0 has 1023 ports.*another bridge/);
    const run = await host.call("ADD", await host.pod("a"), config);
    failed(run, 11, /br0 has 1023 ports.*another bridge/);
    expect(await links(host.node, "a")).toHaveLength(1);
  });
});
