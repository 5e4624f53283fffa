import { describe, expect, test } from "vitest";
import { canRun, ping, referenceBin, referencePlugin } from "../../../test/helpers/index.ts";
import { failed, Host } from "../../../test/plugins/attachment/host.ts";
import { link, reservations } from "../../../test/plugins/attachment/kernel-state.ts";
import { createWorld, far, identity, mac, names, network } from "./world.ts";

/** The reference 1.1.1 knows no 1.1.0. */
const config = network({ cniVersion: "1.0.0" });
const device = { ifname: "up0", address: mac, mtu: 1500 };

describe.runIf(canRun(referencePlugin("host-device"), "ip", "ping"))("beside the reference plugin", () => {
  const createBoth = async () => {
    const host = await createWorld();
    const reference = new Host(host.node, referencePlugin("host-device"), referenceBin);
    return { host, reference, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
  };

  test("what it attached passes our CHECK, and comes back with our DEL", async () => {
    await using both = await createBoth();
    const { host, reference } = both;
    const pod = await host.pod("a");
    const theirs = await reference.add(pod, config);
    await host.check(pod, config, theirs);
    await host.del(pod, { ...config, prevResult: theirs });
    expect(identity(await link(host.node, "up0"))).toEqual(device);
    expect(await reservations(host.node)).toEqual([]);
  });

  test("what we attached passes its CHECK, and comes back with its DEL; then the device is free for both", async () => {
    await using both = await createBoth();
    const { host, reference } = both;
    const [a, b, c] = await host.pods("a", "b", "c");
    const ours = await host.add(a, config);
    await reference.check(a, config, ours);
    await reference.del(a, { ...config, prevResult: ours });
    // It leaves the former name in the alias.
    expect(identity(await link(host.node, "up0"))).toMatchObject(device);
    // What we wrote down of the first container is stale by now, and takes nothing from the second.
    const theirs = await reference.add(b, config);
    await host.del(a, { ...config, prevResult: ours });
    await host.gc({ ...config, cniVersion: "1.1.0" }, [b]);
    expect(await ping(host.node, far.address4, { netns: "b" })).toBe(true);
    failed(await host.call("ADD", c, config), 999, /no device \(device up0\).*another plugin/);
    await reference.del(b, { ...config, prevResult: theirs });
    const again = await host.add(c, config);
    expect(await ping(host.node, far.address4, { netns: "c" })).toBe(true);
    await host.del(c, { ...config, prevResult: again });
    expect(identity(await link(host.node, "up0"))).toMatchObject(device);
  });

  test("it keeps the device after a failed ADD, and after a DEL that comes twice it fails; ours does neither", async () => {
    await using both = await createBoth();
    const { host, reference } = both;
    const [a, b] = await host.pods("a", "b");
    const routes = [{ dst: "198.51.100.0/24", gw: "192.0.2.77" }];
    const wrong = { ...config, ipam: { type: "host-local", subnet: "10.1.0.0/24", routes } };
    expect((await reference.call("ADD", a, wrong)).exitCode).not.toBe(0);
    expect(await names(host.node, "a")).toEqual(["eth0", "lo"]);
    await reference.del(a, wrong);
    expect((await reference.call("DEL", a, wrong)).exitCode).not.toBe(0);
    failed(await host.call("ADD", b, wrong), 7, /198\.51\.100\.0\/24/);
    expect([await names(host.node), await names(host.node, "b")]).toEqual([["lo", "up0"], ["lo"]]);
    for (let time = 0; time < 2; time++) await host.del(b, wrong);
    expect(await reservations(host.node)).toEqual([]);
  });
});
