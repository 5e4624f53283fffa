/** The first ADDs of a node at once: what one of them makes for all must stay as long as another one uses it. */
import { describe, expect, test } from "vitest";
import { canRun, type PluginRun } from "../../helpers/index.ts";
import { gatedPath, installGate, startGatedAdd, stateWithoutGates } from "../attachment/gate.ts";
import { failed, Host, type Keys, type Pod, succeeded } from "../attachment/host.ts";
import { makeUnderlay, network, overlayIfAny } from "./single-node.ts";
import { programs } from "./world.ts";

const ipam = { type: "gated", subnet: "10.10.0.0/24" };
const outOfReach = { ...ipam, routes: [{ dst: "192.0.2.128/25", gw: "203.0.113.9" }] };

const gated = {
  path: gatedPath,
  env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", PODWIRE_LOCK_TIMEOUT: "5" },
};

interface Names {
  readonly first: Pod;
  readonly second: Pod;
}

describe.runIf(canRun("mkfifo", ...programs)).each([false, true])("with keepDevice: %s", (keepDevice) => {
  const config: Keys = network("l2", [2, 3], { keepDevice, ipam });
  const failing: Keys = network("l2", [2, 3], { keepDevice, ipam: outOfReach });

  const create = async () => {
    const host = await Host.create("vxlan");
    await makeUnderlay(host);
    const [first, second] = await host.pods("first", "second");
    // What every network leaves: the folder of its addresses, and so on.
    const whole = network("l2", [2, 3], { keepDevice: false });
    await host.add(first, whole);
    await host.del(first, whole);
    await installGate(host, first);
    return { host, first, second, before: await stateWithoutGates(host) };
  };
  const isWhole = async (host: Host, pod: Pod, prevResult: unknown) => {
    await host.check(pod, config, prevResult, gated);
    expect((await overlayIfAny(host))?.fdb).toHaveLength(2);
  };
  const cleared = async (host: Host, before: object, { first, second }: Names) => {
    for (const pod of [first, second]) await host.del(pod, { ...config, keepDevice: false }, gated);
    expect(await stateWithoutGates(host)).toEqual(before);
  };

  test("one that fails leaves the overlay to the one that has made it", async () => {
    const { host, before, ...pods } = await create();
    await using _ = host;
    const add = await startGatedAdd(host, pods.first, config);
    failed(await host.call("ADD", pods.second, failing, gated), 7, /203\.0\.113\.9/);
    await add.open();
    await isWhole(host, pods.first, succeeded(await add.ended).json);
    await cleared(host, before, pods);
  });

  test("the one that has made the overlay leaves it to another one when it fails", async () => {
    const { host, before, ...pods } = await create();
    await using _ = host;
    const add = await startGatedAdd(host, pods.first, config);
    const result = await host.add(pods.second, config, gated);
    await add.open("fail");
    failed(await add.ended, 111);
    await isWhole(host, pods.second, result);
    await cleared(host, before, pods);
  });

  test("the last one that fails takes the overlay away, though the other one has made it", async () => {
    const { host, before, ...pods } = await create();
    await using _ = host;
    await installGate(host, pods.second);
    const adds = [
      await startGatedAdd(host, pods.first, config),
      await startGatedAdd(host, pods.second, config),
    ];
    for (const add of adds) {
      await add.open("fail");
      failed(await add.ended, 111);
    }
    expect(await stateWithoutGates(host)).toEqual(before);
  });

  test("the DEL of the last pod leaves the overlay to an ADD that waits", async () => {
    const { host, before, ...pods } = await create();
    await using _ = host;
    await host.add(pods.second, config, gated);
    const add = await startGatedAdd(host, pods.first, config);
    await host.del(pods.second, { ...config, keepDevice: false }, gated);
    await add.open();
    await isWhole(host, pods.first, succeeded(await add.ended).json);
    await cleared(host, before, pods);
  });
});

describe.runIf(canRun(...programs)).each(["l2", "l3"] as const)("many at once (%s)", (mode) => {
  test("all work, and the last DEL of them leaves nothing", async () => {
    await using host = await Host.create("vxlan");
    await makeUnderlay(host);
    const config = network(mode, [2, 3], { keepDevice: false });
    await host.warmUp(config);
    const before = await stateWithoutGates(host);
    const pods = await host.pods("a", "b", "c", "d", "e", "f");
    for (let round = 0; round < 3; round++) {
      const runs: PluginRun[] = await Promise.all(pods.map((pod) => host.call("ADD", pod, config)));
      for (const [at, run] of runs.entries()) await host.check(pods[at] as Pod, config, succeeded(run).json);
      await Promise.all(pods.map((pod) => host.del(pod, config)));
      expect(await stateWithoutGates(host)).toEqual(before);
    }
  });
});
