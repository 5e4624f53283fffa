/** Records of the packet filter that are removed while their containers live: they come back from the kernel. */
import { describe, expect, test } from "vitest";
import { canRun, startEcho } from "../../helpers/index.ts";
import { hostLocal } from "../attachment/host.ts";
import { hostState } from "../attachment/kernel-state.ts";
import { backends, bridgeConfig, failed, type Pod, PortHost, type PortMapping, programs } from "./host.ts";

const mapping = { hostPort: 8080, containerPort: 80 };
const free = { hostPort: 8081, containerPort: 80 };
const conflict = 7;

const wipes: [string, string][] = [
  ["the folder", "rm -r /run/podwire/filter"],
  ["the files of records and reservations", "cd /run/podwire/filter/* && rm records/* reservations/*"],
  ["all but the lock", "cd /run/podwire/filter/* && rm -rf records reservations"],
];

const wipe = (host: PortHost, script = "rm -r /run/podwire/filter") => host.node.exec("sh", ["-ec", script]);

/** portmap's ADD for a container that the bridge has attached. */
async function ask(host: PortHost, pod: Pod, mappings: readonly PortMapping[]) {
  const result = await host.bridge.add(pod, bridgeConfig());
  return host.portmap.call("ADD", pod, host.config(mappings, result));
}

/**
 * Addresses of this test alone: without a known namespace, a container lives if its address is on an interface in any namespace
 * of the machine, that of another test included.
 */
const unique = { ipam: hostLocal(["10.77.83.0/24", "fd00:77:83::/64"]) };

describe.runIf(canRun(...programs)).each(backends)("after records are lost (%s)", (backend) => {
  test.each(wipes)(
    "(%s) a port of a living container is refused after another ADD, and its traffic goes on; its DEL frees the port",
    async (_what, script) => {
      await using host = await PortHost.create(backend);
      const [a, b, c] = await host.bridge.pods("a", "b", "c");
      await host.attach(a, [mapping]);
      await startEcho(host.node, 80, "a");
      await wipe(host, script);
      await host.attach(b, [free]);
      const result = await host.bridge.add(c, bridgeConfig());
      const before = await hostState(host.node);
      const run = await host.portmap.call("ADD", c, host.config([mapping], result));
      failed(run, conflict, /tcp port 8080 of all IPv[46] addresses is taken.*eth0.*id-a.*net/);
      expect(await hostState(host.node)).toEqual(before);
      expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(host.outside.address4);
      expect(await host.fromOutside(host.outside.nodeAddress6, 8080)).toBe(host.outside.address6);

      await host.detach(a);
      await host.bridge.del(a, bridgeConfig());
      await host.portmap.add(c, host.config([mapping], result));
      await startEcho(host.node, 80, "c");
      expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(host.outside.address4);
    },
  );

  test.each([
    ["of one IPv4 address", { ...mapping, hostIP: "198.18.0.7" }, /tcp port 8080 of 198.18.0.7/],
    ["of one IPv6 address", { ...mapping, hostIP: "fd00:99::7" }, /tcp port 8080 of fd00:99::7/],
    ["of IPv6 alone", { ...mapping, hostIP: "::", protocol: "udp" }, /udp port 8080 of all IPv6 addresses/],
    ["of SCTP", { ...mapping, protocol: "sctp" }, /sctp port 8080 of all IPv4 addresses/],
  ])("a port %s is refused, and what differs from it is not", async (_kind, wanted, words) => {
    await using host = await PortHost.create(backend);
    const [a, b, c] = await host.bridge.pods("a", "b", "c");
    await host.attach(a, [wanted]);
    await wipe(host);
    failed(await ask(host, b, [wanted]), conflict, words);
    await host.attach(c, [mapping]);
  });

  test("reservations that are lost alone come back from the records", async () => {
    await using host = await PortHost.create(backend);
    const [a, b, c] = await host.bridge.pods("a", "b", "c");
    await host.attach(a, [mapping]);
    await wipe(host, "rm -r /run/podwire/filter/*/reservations");
    failed(await ask(host, b, [mapping]), conflict, /8080.*id-a/);
    await host.attach(c, [free]);
  });

  test("a port stays refused if only the record of its container is removed", async () => {
    await using host = await PortHost.create(backend);
    const [a, b, c] = await host.bridge.pods("a", "b", "c");
    await host.attach(a, [mapping]);
    await wipe(host, "rm /run/podwire/filter/*/records/*.portmap");
    failed(await ask(host, b, [mapping]), conflict, /8080.*id-a/);
    await host.attach(c, [free]);
  });

  test("a port of a container that is gone is taken over, with all that it had", async () => {
    await using host = await PortHost.create(backend);
    const [a, b] = await host.bridge.pods("a", "b");
    await host.attach(a, [mapping, free], {}, unique);
    await wipe(host);
    await host.node.deleteNetns("a");
    const result = await host.attach(b, [mapping], {}, unique);
    await startEcho(host.node, 80, "b");
    expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(host.outside.address4);
    await host.check(b, [mapping], result);
    await host.bridge.del(a, bridgeConfig(unique));
    const { iptables, ip6tables, ipsets, nftables } = await hostState(host.node);
    const left = [iptables, ip6tables, ipsets, nftables].flat();
    expect(left.filter((line) => line.includes("id-a") || line.includes("8081"))).toEqual([]);
  });

  test("a repeated ADD replaces what the container had", async () => {
    await using host = await PortHost.create(backend);
    const [a, b] = await host.bridge.pods("a", "b");
    const result = await host.attach(a, [mapping]);
    await host.portmap.add(a, host.config([free], result));
    const before = await hostState(host.node);
    await host.portmap.add(a, host.config([mapping], result));
    await wipe(host);
    await host.portmap.add(a, host.config([free], result));
    const { files, ...rest } = await hostState(host.node);
    const { files: _, ...expected } = before;
    expect(rest).toEqual(expected);
    expect(files.filter((file) => file.includes("-8080"))).toEqual([]);
    await host.attach(b, [mapping]);
  });

  test("CHECK accepts what a container of a network with a long name has", async () => {
    await using host = await PortHost.create(backend);
    const [a, b] = await host.bridge.pods("a", "b");
    const name = "n".repeat(100);
    const main = bridgeConfig({ name });
    const result = await host.attach(a, [mapping], { name });
    await wipe(host);
    await host.attach(b, [free]);
    await host.bridge.check(a, main, result);
    await host.check(a, [mapping], result, { name });
    await host.portmap.gc(host.config(undefined, undefined, { name }), []);
    await host.bridge.gc(main, []);
    const { iptables, ip6tables, nftables, files } = await hostState(host.node);
    const left = [iptables, ip6tables, nftables, files].flat();
    expect(left.filter((line) => line.includes("id-a"))).toEqual([]);
  });

  test("DEL removes the rules where the disk has no room for the state", async () => {
    await using host = await PortHost.create(backend);
    await host.node.exec("sh", [
      "-ec",
      "mkdir -p /run/podwire; mount -t tmpfs -o size=128k tmpfs /run/podwire",
    ]);
    const [a, b, c] = await host.bridge.pods("a", "b", "c");
    await host.attach(a, [mapping]);
    const result = await host.attach(b, [free]);
    await host.node.exec("sh", ["-ec", "rm /run/podwire/filter/*/records/state"]);
    // cat fails when the disk is full.
    await host.node.exec("sh", ["-c", "cat /dev/zero > /run/podwire/filler; true"]);
    await host.detach(a);
    await host.node.exec("rm", ["/run/podwire/filler"]);
    const { iptables, ip6tables, nftables } = await hostState(host.node);
    expect([iptables, ip6tables, nftables].flat().filter((line) => line.includes("8080"))).toEqual([]);
    await host.attach(c, [mapping]);
    await host.check(b, [free], result);
  });
});

/** States that podwire does not write. */
const states = [
  "",
  "{}",
  '{"version":VERSION,"generation":1,"groups":[null]}',
  '{"version":VERSION,"generation":1,"groups":[{"kind":"masquerade"}]}',
  '{"version":VERSION,"generation":1,"groups":[{"kind":"ports","markBit":13,"conditions":{}}]}',
  '{"version":VERSION,"generation":1,"groups":[{"kind":"hairpin","family":4,"network":"net","subnet":"x","markBit":13,"clients":"subnet"}]}',
];

describe.runIf(canRun(...programs))("with a state that podwire did not write", () => {
  test.each(states)("ADD, CHECK and DEL work: %j", async (state) => {
    await using host = await PortHost.create("nftables");
    const [a, b] = await host.bridge.pods("a", "b");
    const result = await host.attach(a, [mapping]);
    const write = () =>
      host.node.exec("sh", [
        "-ec",
        "cd /run/podwire/filter/*/records; version=$(grep -o '\"version\":[0-9]*' state | cut -d: -f2); " +
          `echo '${state}' | sed "s/VERSION/$version/" > new; mv new state`,
      ]);
    await write();
    await host.attach(b, [free]);
    await host.check(a, [mapping], result);
    await write();
    await host.detach(b);
    await host.check(a, [mapping], result);
  });
});
