import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { containerState, hostState, links, ports } from "../attachment/kernel-state.ts";
import { failed, Host, hostLocal, network, programs, subnet4, subnet6 } from "./host.ts";

const store = "/run/store";
const config = network({
  isDefaultGateway: true,
  ipMasq: true,
  macspoofchk: true,
  ipam: hostLocal([subnet4, subnet6], { dataDir: store }),
});

/** Mounts over the store's folder that keep it from taking a reservation. */
const mounts: [string, string][] = [
  ["read-only", `mount -t tmpfs -o ro tmpfs ${store}`],
  ["full", `mount -t tmpfs -o size=4k tmpfs ${store}; head -c 4096 /dev/zero > ${store}/filler`],
  ["out of inodes", `mount -t tmpfs -o nr_inodes=2 tmpfs ${store}; touch ${store}/filler`],
];

/** Files that stand where the store has its folder. */
const obstacles: [string, string][] = [
  ["a plain file", `rmdir ${store}; touch ${store}`],
  ["a plain file where the network has its folder", `touch ${store}/net`],
];

/** Without the store's lock: an empty file, which the next ADD needs as well. */
const stateOf = async (host: Host) => {
  const state = await hostState(host.node);
  const files = state.files.filter((line) => line !== `${store}/net/lock: ""`);
  return { ...state, files, container: await containerState(host.node, "a") };
};

const shell = (host: Host, command: string) => host.node.exec("sh", ["-ec", command]);

describe.runIf(canRun(...programs))("ADD with a store that is", () => {
  test.each([...mounts, ...obstacles])(
    "%s fails with code 5, names it, and changes nothing",
    async (_kind, command) => {
      await using host = await Host.create();
      const pod = await host.pod("a");
      await shell(host, `mkdir ${store}; ${command}`);
      const before = await stateOf(host);
      failed(await host.call("ADD", pod, config), 5, store);
      expect(await stateOf(host)).toEqual(before);
    },
  );
});

describe.runIf(canRun(...programs))("DEL with a store that is read-only", () => {
  test("removes all the rest, says what it could not, and can be repeated later", async () => {
    await using host = await Host.create();
    await shell(host, `mkdir ${store}; mount -t tmpfs tmpfs ${store}`);
    await host.warmUp(config);
    const before = await hostState(host.node);
    const pod = await host.pod("a");
    await host.add(pod, config);
    await shell(host, `mount -o remount,ro ${store}`);
    failed(await host.call("DEL", pod, config), 5, store);
    expect(await ports(host.node, "br0")).toEqual([]);
    expect(await links(host.node, "a")).toHaveLength(1);
    const { ipsets } = await hostState(host.node);
    expect(ipsets.filter((line) => line.startsWith("add "))).toEqual([]);
    await shell(host, `mount -o remount,rw ${store}`);
    await host.del(pod, config);
    expect(await hostState(host.node)).toEqual(before);
  });
});

describe.runIf(canRun(...programs))("sysctl files that cannot be written", () => {
  test("are no obstacle where they say already what is needed", async () => {
    await using host = await Host.create();
    await host.node.exec("sysctl", ["-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
    await shell(host, "mount --bind -o ro /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_forward");
    await host.add(await host.pod("a"), config);
  });

  test("fail ADD where forwarding is off, with the command to run, and nothing is left", async () => {
    await using host = await Host.create();
    await host.node.exec("sysctl", ["-w", "net.ipv4.ip_forward=0"]);
    await host.warmUp({ ...config, isDefaultGateway: false, isGateway: false, bridge: "other0" });
    const pod = await host.pod("a");
    await shell(host, "mount --bind /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_forward");
    await shell(host, "mount -o remount,bind,ro /proc/sys/net/ipv4/ip_forward");
    const before = await stateOf(host);
    failed(await host.call("ADD", pod, config), 5, /sysctl -w net\.ipv4\.ip_forward=1/);
    expect(await stateOf(host)).toEqual(before);
  });
});
