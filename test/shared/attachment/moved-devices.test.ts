import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { failed, Host, hostLocal, type Keys, type Pod, subnet4 } from "../../plugins/attachment/host.ts";
import { hostState, type Link, link, links, reservations } from "../../plugins/attachment/kernel-state.ts";
import { changesOf } from "../../plugins/sweep/points.ts";
import { callWith, stepsOf } from "../../plugins/sweep/system-calls.ts";
import { buildLinkPlugin } from "./links/built.ts";

describe.runIf(canRun("ip", "strace", "musl-gcc"))("a device of the host that was moved", () => {
  let executable = "";
  let node: Node;

  beforeAll(async () => {
    executable = await buildLinkPlugin("device");
  }, 120_000);
  afterAll(() => rmSync(dirname(executable), { recursive: true }));
  beforeEach(async () => {
    node = await createNode();
    await node.exec("ip", ["link", "add", "up0", "up", "type", "veth", "peer", "name", "up1"]);
    return () => node.dispose();
  });

  const hostOf = () => new Host(node, executable);
  const names = async (netns?: string) => (await links(node, netns)).map(({ ifname }) => ifname).sort();

  const config: Keys = {
    cniVersion: "1.1.0",
    name: "net",
    type: "device",
    ipam: hostLocal([subnet4]),
    master: "up0",
  };
  const found = async (netns?: string): Promise<Link | undefined> => {
    const { address } = device;
    return (await links(node, netns)).find((each) => each.address === address);
  };
  let device: Link;
  beforeEach(async () => {
    device = await link(node, "up0");
  });

  test("is in the container under its new name, and back under the former one after DEL", async () => {
    const host = hostOf();
    const pod = await host.pod("a");
    const before = (await hostState(node)).links.map((line) => line.replaceAll(/"flags":\[[^\]]*\]/g, ""));
    const result = await host.add(pod, config);
    expect(await names()).toEqual(["lo", "up1"]);
    expect(await found("a")).toMatchObject({ ifname: "eth0", ifalias: "up0" });
    await host.check(pod, config, result);
    for (let time = 0; time < 2; time++) {
      await host.del(pod, config);
      expect(await names("a")).toEqual(["lo"]);
      const back = await found();
      expect(back).toMatchObject({ ifname: "up0" });
      expect(back?.ifalias).toBeUndefined();
      expect(back?.flags).not.toContain("UP");
    }
    await node.exec("ip", ["link", "set", "up0", "up"]);
    const after = (await hostState(node)).links.map((line) => line.replaceAll(/"flags":\[[^\]]*\]/g, ""));
    expect(after.map((line) => line.replaceAll(/"(operstate|link_netnsid)":[^,]*,/g, "")).sort()).toEqual(
      before.map((line) => line.replaceAll(/"(operstate|link_netnsid)":[^,]*,/g, "")).sort(),
    );
  });

  test("comes back as it was, alias and state included, when a later step of ADD fails", async () => {
    const host = hostOf();
    const pod = await host.pod("a");
    await node.exec("ip", ["link", "set", "up0", "alias", "the cable to the rack"]);
    failed(await host.call("ADD", pod, { ...config, fail: true }), 999, "made to fail");
    expect(await names("a")).toEqual(["lo"]);
    const back = await found();
    expect(back).toMatchObject({ ifname: "up0", ifalias: "the cable to the rack" });
    expect(back?.flags).toContain("UP");
    expect(await reservations(node)).toEqual([]);
  });

  test("gets another name where its own has been taken, which DEL says once", async () => {
    const host = hostOf();
    const pod = await host.pod("a");
    await host.add(pod, config);
    for (const name of ["up0", "eth0"]) await node.exec("ip", ["link", "add", name, "type", "ifb"]);
    failed(
      await host.call("DEL", pod, config),
      999,
      /up0 came back under another name.*up0 exists by now \(ifb\)/,
    );
    expect((await found())?.ifname).toMatch(/^dev\d+$/);
    expect((await found())?.ifalias).toBeUndefined();
    expect(await reservations(node)).toEqual([]);
    await host.del(pod, config);
    expect(await names()).toContain("up0");
  });

  test("is what it was after DEL, whatever the container has done to it", async () => {
    const host = hostOf();
    const pod = await host.pod("a");
    await node.exec("ip", ["link", "set", "up0", "mtu", "1400", "alias", "the cable to the rack"]);
    const batches = [
      "link set eth0 down\nlink set eth0 address 02:00:00:00:00:99 mtu 1300 name other0 up\n",
      'link set eth0 down alias ""\nlink set eth0 name other0 up\n',
      'link set eth0 alias "" address 02:00:00:00:00:99\n',
      "link add br9 type bridge\nlink set eth0 master br9\n",
    ];
    for (const input of batches) {
      await host.add(pod, config);
      await node.exec("ip", ["-batch", "-"], { netns: "a", input });
      await host.del(pod, config);
      const back = await link(node, "up0");
      expect(back, input).toMatchObject({
        address: device.address,
        mtu: 1400,
        ifalias: "the cable to the rack",
      });
      expect(back.flags, input).not.toContain("UP");
      expect((await found("a"))?.ifname, input).toBeUndefined();
      expect(await reservations(node), input).toEqual([]);
    }
  });

  test("comes back from a namespace that the container has made, and from one without a path", async () => {
    const host = hostOf();
    const pod = await host.pod("a");
    await host.add(pod, config);
    const script = "echo $$; exec sleep 1000";
    const nested = node.start("unshare", ["--net", "sh", "-c", script], { netns: "a" });
    await node.exec("ip", ["-n", "a", "link", "set", "eth0", "netns", await nested.firstLine()]);
    await host.del(pod, config);
    expect(await found()).toMatchObject({ ifname: "up0" });
    await host.add(pod, config);
    // The process stays in the namespace, which loses its name.
    const inside = node.start("sleep", ["1000"], { netns: "a" });
    await expect.poll(async () => (await node.exec("ip", ["netns", "pids", "a"])).stdout).not.toBe("");
    await node.deleteNetns("a", { waits: false });
    await host.del(pod, config);
    expect(await found()).toMatchObject({ ifname: "up0" });
    await inside.stop();
    await nested.stop();
  });

  test("stays in the container when DEL is another container's", async () => {
    const host = hostOf();
    const pod = await host.pod("a");
    await host.add(pod, config);
    await host.del({ ...pod, containerId: "id-former" }, config);
    expect(await found("a")).toMatchObject({ ifname: "eth0" });
  });

  // As the kernel leaves a physical device when its namespace ends: in the first namespace, with name and alias of the container's.
  const returned = async (pod: Pod) => {
    await hostOf().add(pod, config);
    await node.exec("sh", ["-ec", `ip -n "$1" link set eth0 netns ${node.pid}`, "sh", pod.name]);
    await node.deleteNetns(pod.name);
    expect(await found()).toMatchObject({ ifname: "eth0", ifalias: "up0" });
  };
  test("has its name again after DEL and after GC when the namespace ended first", async () => {
    const host = hostOf();
    const [a, b] = await host.pods("a", "b");
    await returned(a);
    await host.gc(config, [a]);
    expect(await found()).toMatchObject({ ifname: "eth0" });
    await host.del({ ...b, netns: "" }, config);
    expect(await found()).toMatchObject({ ifname: "eth0" });
    await host.del({ ...a, netns: "" }, config);
    expect(await found()).toMatchObject({ ifname: "up0" });
    await returned(await host.pod("a"));
    await host.gc(config, [b]);
    const back = await found();
    expect(back).toMatchObject({ ifname: "up0" });
    expect(back?.ifalias).toBeUndefined();
    expect(await reservations(node)).toEqual([]);
  });

  test("comes back with GC, and with a DEL that has no path, also while the namespace lives", async () => {
    const host = hostOf();
    const pod = await host.pod("a");
    await host.add(pod, config);
    await host.gc({ ...config, name: "other" }, []);
    expect(await found("a")).toMatchObject({ ifname: "eth0" });
    await host.gc(config, []);
    expect(await found()).toMatchObject({ ifname: "up0" });
    await host.add(pod, config);
    await host.del({ ...pod, netns: "" }, config);
    expect(await found()).toMatchObject({ ifname: "up0" });
  });

  test("is left alone by a record that says nothing, and by one that names a device of the host", async () => {
    const host = hostOf();
    const pod = await host.pod("a");
    await host.add(pod, config);
    const folder = "/run/podwire/devices";
    const { stdout } = await node.exec("find", [folder, "-type", "f"]);
    const text = (await node.exec("cat", [stdout])).stdout;
    for (const bad of [
      "",
      "{",
      "[]",
      text.replace('"up0"', '"../all"'),
      text.replace(/"mtu":\d+/, '"mtu":"x"'),
    ]) {
      await node.exec("tee", [stdout], { input: bad });
      await host.gc(config, []);
      expect(await found("a"), bad).toMatchObject({ ifname: "eth0" });
    }
    await node.exec("tee", [stdout], { input: text });
    await host.del(pod, config);
    expect(await found()).toMatchObject({ ifname: "up0" });
    // A stale record: the device was never moved, or the reference plugin gave it back.
    await node.exec("tee", [stdout], { input: text });
    const before = await link(node, "up0");
    await host.del(pod, config);
    expect(await link(node, "up0")).toEqual(before);
  });

  test("comes back from the reference plugin, which keeps the former name in the alias, if prevResult proves whose it is", async () => {
    const host = hostOf();
    const pod = await host.pod("a");
    await node.exec("sh", [
      "-ec",
      "ip link set up0 netns a; ip -n a link set up0 name eth0; ip -n a link set eth0 alias up0",
    ]);
    const { address } = await link(node, "eth0", "a");
    const resultWith = (mac: string) => ({
      cniVersion: "1.0.0",
      interfaces: [{ name: "eth0", mac, sandbox: pod.netns }],
      ips: [],
    });
    await host.del(pod, config);
    await host.del(pod, { ...config, prevResult: resultWith("02:00:00:00:00:99") });
    expect(await names("a")).toEqual(["eth0", "lo"]);
    await host.del(pod, { ...config, prevResult: resultWith(address) });
    expect(await found()).toMatchObject({ ifname: "up0" });
  });

  test("is back after DEL when ADD was killed at any of its system calls", async () => {
    const host = hostOf();
    const pod = await host.pod("a");
    const call = { host, command: "ADD", pod, config } as const;
    const steps = changesOf(await stepsOf(call));
    await host.del(pod, config);
    for (const step of steps) {
      await callWith(call, step, "signal=SIGKILL");
      await host.del(pod, config);
      expect(await found(), step.line).toMatchObject({ ifname: "up0" });
      expect((await found())?.ifalias, step.line).toBeUndefined();
      expect(await reservations(node), step.line).toEqual([]);
    }
  }, 120_000);
});
