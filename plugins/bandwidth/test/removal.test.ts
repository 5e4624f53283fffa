import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun } from "../../../test/helpers/index.ts";
import { succeeded } from "../../../test/plugins/attachment/host.ts";
import { config, limits, network, nothing, programs, World } from "./world.ts";

let world: World;
const keys = { ...config, ...limits };
const latest = { ...keys, cniVersion: "1.1.0" };

const noDevices = async () => expect(await world.ifbs()).toEqual([]);

describe.runIf(canRun(...programs))("bandwidth's DEL and GC", () => {
  beforeEach(async () => {
    world = await World.create();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  test("remove the ifb device when the namespace went first: by its path, without one, by GC", async () => {
    for (const how of ["/run/netns/a", "", "GC"]) {
      await world.add();
      await world.host.node.deleteNetns("a");
      expect(await world.ifbs()).toHaveLength(1);
      if (how === "GC") await world.host.gc(latest, []);
      else await world.host.del({ ...world.pod, netns: how }, keys);
      await noDevices();
      await world.ptp.del({ ...world.pod, netns: "" }, network);
      await world.host.node.addNetns("a");
      world.prevResult = await world.ptp.add(world.pod, network);
    }
  });

  test("need neither limits nor a readable configuration, and may be repeated", async () => {
    for (const odd of [{}, { ingressRate: "much" }, { egressRate: 8 }, { runtimeConfig: { bandwidth: 7 } }]) {
      const prevResult = await world.add();
      await world.host.del(world.pod, { ...config, ...odd, prevResult });
      await world.host.del(world.pod, { ...config, ...odd });
      expect(await world.traces()).toEqual(nothing);
    }
  });

  test("succeed with what is no namespace at the path", async () => {
    await world.add();
    await world.host.node.exec("sh", ["-c", "echo garbage >/run/netns/b"]);
    await world.host.del({ ...world.pod, netns: "/run/netns/b" }, keys);
    await noDevices();
  });

  test("leave alone a device of that name which is another's", async () => {
    const result = await world.add();
    const [, , { name }] = result.interfaces;
    await world.host.del(world.pod, keys);
    const { node } = world.host;
    await node.exec("ip", ["link", "add", name, "type", "bridge"]);
    await world.host.del(world.pod, keys);
    expect((await node.exec("ip", ["-br", "link", "show", "type", "bridge"])).stdout).toContain(name);
    // A new ADD takes its other name.
    const again = await world.add();
    expect(again.interfaces[2].name).not.toBe(name);
    await world.host.check(world.pod, keys, again);
    await world.host.del(world.pod, { ...keys, prevResult: again });
    await noDevices();
  });

  test("GC keeps the devices of what the runtime knows, of other networks, and of the reference plugin", async () => {
    await world.add();
    const { node } = world.host;
    await node.exec("ip", ["link", "add", "bwp000000000000", "type", "ifb"]);
    await world.host.gc({ ...latest, name: "other" }, []);
    await world.host.gc(latest, [world.pod]);
    expect(await world.ifbs()).toHaveLength(2);
    await world.host.gc(latest, []);
    expect(await world.ifbs()).toEqual(["bwp000000000000"]);
  });

  test("GC by a list that may be old keeps the device of a living container", async () => {
    await world.add();
    const input = { ...latest, "cni.dev/valid-attachments": [] };
    const call = async () =>
      succeeded(await world.host.call("GC", undefined, input, { env: { PODWIRE_LIST_TIME: "1" } }));
    await call();
    expect(await world.ifbs()).toHaveLength(1);
    await world.host.node.deleteNetns("a");
    await call();
    await noDevices();
  });

  test("a DEL for another container leaves this one's limits", async () => {
    const result = await world.add();
    await world.host.del({ ...world.pod, containerId: "id-former" }, keys);
    await world.host.check(world.pod, keys, result);
  });

  test("names of the greatest length, and odd ones, have a device that is found again", async () => {
    const pod = { ...world.pod, containerId: "x".repeat(200) };
    const name = "n".repeat(200);
    const result = await world.host.add(pod, { ...world.keys(), name });
    await world.host.check(pod, { ...keys, name }, result);
    await world.host.gc({ ...latest, name }, [pod]);
    expect(await world.ifbs()).toHaveLength(1);
    await world.host.gc({ ...latest, name }, []);
    await noDevices();
    await world.host.add({ ...pod, containerId: "a.b_c-D" }, { ...world.keys(), name: "0.-_" });
    await world.host.del({ ...pod, containerId: "a.b_c-D" }, { ...keys, name: "0.-_" });
    await noDevices();
  });
});
