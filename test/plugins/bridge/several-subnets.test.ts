/** A range set of several subnets: the bridge is the gateway of each. */
import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { addresses } from "../attachment/kernel-state.ts";
import { failed, Host, type Keys, network, programs } from "./host.ts";

/** The first subnet has room for one container. */
const small4 = { subnet: "10.1.0.0/24", rangeStart: "10.1.0.5", rangeEnd: "10.1.0.5" };
const small6 = { subnet: "fd00:1::/64", rangeStart: "fd00:1::5", rangeEnd: "fd00:1::5" };
const ranges = [
  [small4, { subnet: "10.2.0.0/24", gateway: "10.2.0.254" }],
  [small6, { subnet: "fd00:2::/64" }],
];
const ipam = { type: "host-local" };

const inConfiguration = { ipam: { ...ipam, ranges } };
const fromRuntime = { ipam, capabilities: { ipRanges: true }, runtimeConfig: { ipRanges: ranges } };

const config = (keys: Keys): Keys => network({ isDefaultGateway: true, ...keys });

describe.runIf(canRun(...programs))("a range set of two subnets", () => {
  test.each([
    ["in the configuration", inConfiguration, false],
    ["in the configuration, with forceAddress", inConfiguration, true],
    ["from the runtime", fromRuntime, false],
    ["from the runtime, with forceAddress", fromRuntime, true],
  ] as const)("has the gateways of both on the bridge: %s", async (_, keys, forceAddress) => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    const one = await host.add(a, config({ ...keys, forceAddress }));
    const two = await host.add(b, config({ ...keys, forceAddress }));
    const all = ["10.1.0.1/24", "10.2.0.254/24", "fd00:1::1/64", "fd00:2::1/64"];
    expect((await addresses(host.node, "br0")).toSorted()).toEqual(all);
    for (const gateway of ["10.1.0.1", "fd00:1::1"]) {
      expect(await ping(host.node, gateway, { netns: "a" }), gateway).toBe(true);
    }
    for (const other of ["10.2.0.254", "fd00:2::1", "10.1.0.5", "fd00:1::5"]) {
      expect(await ping(host.node, other, { netns: "b" }), other).toBe(true);
    }
    await host.check(a, config(keys), one);
    await host.check(b, config(keys), two);
  });

  test("does not make an address of another network one of its own", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    await host.add(a, config({ name: "other", ipam: { ...ipam, subnet: "10.9.0.0/24" } }));
    failed(
      await host.call("ADD", b, config(inConfiguration)),
      7,
      /"br0" already has an IP address different from .*10\.1\.0\.1\/24.*: 10\.9\.0\.1\/24/,
    );
    const { ips } = await host.add(b, config({ ...inConfiguration, forceAddress: true }));
    const own = (ips as { gateway: string; address: string }[]).map(
      ({ gateway, address }) => `${gateway}/${address.split("/")[1]}`,
    );
    expect(await addresses(host.node, "br0")).toEqual(own);
  });
});
