import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, referenceBin, referencePlugin } from "../../helpers/index.ts";
import { failed, Host, type Pod } from "../../plugins/attachment/host.ts";
import { network, World } from "./world.ts";

let world: World;
let reference: Host;
beforeEach(async () => {
  world = await World.create();
  reference = new Host(world.node, referencePlugin("dhcp"), referenceBin);
  await world.dnsmasq();
});
afterEach(() => world.node.dispose());

// Debian's reference plugin prints an empty "dns" in later versions.
const config = network({}, { cniVersion: "0.4.0" });

describe.runIf(canRun("ip", "dnsmasq", referencePlugin("dhcp")))("with the reference plugin", () => {
  test("its plugin calls our daemon: ADD, CHECK, DEL", async () => {
    await world.daemon();
    const pod = await world.pod("a");
    const result = await reference.add(pod, config);
    expect(await world.host.add(pod, config)).toEqual(result);
    await reference.check(pod, config, result);
    await world.host.check(pod, config, result);
    await reference.del(pod, config);
    expect(await world.files()).toEqual([]);
    await expect.poll(() => world.leased()).toEqual([]);
  });

  test("our plugin calls its daemon: ADD, CHECK, DEL, STATUS, GC", async () => {
    await world.referenceDaemon();
    const pod = await world.pod("a");
    const result = await world.host.add(pod, config);
    expect(await reference.add(pod, config)).toEqual(result);
    expect(result.ips[0].gateway).toBe("10.9.0.1");
    await world.host.check(pod, config, result);
    await world.host.gc(network(), []);
    await world.host.del(pod, config);
    await expect.poll(() => world.leased()).toEqual([]);
  });

  test.each(["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0"])(
    "both print the same result in version %s",
    async (version) => {
      await world.daemon();
      const pod = await world.pod("a");
      const request = [{ option: "121" }, { option: "3" }];
      const old = { ...network({ request, priority: 77 }), cniVersion: version };
      const result = await world.host.add(pod, old);
      // Debian's version of the reference knows no metric of a route.
      expect(JSON.parse(JSON.stringify(result).replaceAll(',"priority":77', ""))).toEqual(
        await reference.add(pod, old),
      );
    },
  );

  test("its daemon gives way to ours: CHECK takes up the lease, by a server that confirms it", async () => {
    const theirs = await world.referenceDaemon();
    const pod = await world.pod("a");
    const result = await reference.add(pod, config);
    await theirs.stop("SIGKILL");
    await world.daemon();
    const other = { ...result, ips: [{ ...result.ips[0], address: "10.9.1.77/24" }] };
    const check = await world.host.call("CHECK", pod, { ...config, prevResult: other });
    failed(check, 999, /no lease of 10\.9\.1\.77 .* no server confirms it/);
    expect(await world.files()).toEqual([]);
    await world.host.check(pod, config, result);
    expect(await world.files()).toHaveLength(1);
    await world.host.del(pod, config);
    await expect.poll(() => world.leased()).toEqual([]);
  });

  test("its daemon gives way to ours while containers live, and back: by libcni's cache ours takes up their leases", async () => {
    const theirs = await world.referenceDaemon();
    const [a, b] = [await world.pod("a"), await world.pod("b")];
    const result = await reference.add(a, config);
    await cache(a, result);
    await cache(b, { ...result, ips: [] });
    await world.node.exec("sh", ["-c", "echo garbage > /var/lib/cni/results/net-x-eth0"]);
    await theirs.stop("SIGKILL");
    const ours = await world.daemon();
    await expect.poll(() => world.files()).toHaveLength(1);
    await world.host.check(a, config, result);
    await ours.stop();
    const again = await world.referenceDaemon();
    // Its CHECK acquires the lease that it does not know. The server gives the same address to the same client.
    await reference.check(a, config, result);
    expect(await world.leased()).toEqual([result.ips[0].address.split("/")[0]]);
    await again.stop();
  });
});

/** libcni's file of an attachment. */
async function cache({ containerId, ifname, netns }: Pod, result: object): Promise<void> {
  const list = { cniVersion: "0.4.0", name: "net", plugins: [{ type: "macvlan", ipam: { type: "dhcp" } }] };
  const base64 = Buffer.from(JSON.stringify(list)).toString("base64");
  const entry = {
    kind: "cniCacheV1",
    containerId,
    config: base64,
    ifName: ifname,
    networkName: "net",
    netns,
    result,
  };
  const write = `mkdir -p /var/lib/cni/results && cat > /var/lib/cni/results/net-${containerId}-${ifname}`;
  await world.node.exec("sh", ["-c", write], { input: JSON.stringify(entry) });
}
