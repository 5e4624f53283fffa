/** What happens to a lease that is held: renewed, rebound, refused, lost. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { failed, type Pod } from "../../plugins/attachment/host.ts";
import { network, World } from "./world.ts";

let world: World;
beforeEach(async () => {
  world = await World.create();
});
afterEach(() => world.node.dispose());

const addressOf = (result: { ips: { address: string }[] }) => result.ips[0]?.address.split("/")[0] ?? "";

const isUp = async (pod: Pod) => {
  const [link] = await world.node.execJson<{ flags: string[] }[]>("ip", ["-j", "link", "show", "eth0"], {
    netns: pod.name,
  });
  return link?.flags.includes("UP");
};

/** Gives the interface its address, as the plugin that made it does. */
const configure = (pod: Pod, address: string) =>
  world.node.exec("ip", ["address", "add", `${address}/24`, "dev", "eth0"], { netns: pod.name });

describe.runIf(canRun("ip", "dhcpd", "dnsmasq"))("a lease", () => {
  test("is renewed with that server alone, again and again", async () => {
    await world.dhcpd(4);
    await world.daemon();
    const pod = await world.pod("a");
    const result = await world.host.add(pod, network());
    const address = addressOf(result);
    await configure(pod, address);
    const renewed = new RegExp(`DHCPREQUEST for ${address} from`);
    await expect.poll(() => world.logged(renewed)).toBeGreaterThanOrEqual(3);
    expect(await world.logged(/DHCPDISCOVER/)).toBe(1);
    await world.host.check(pod, network(), result);
    expect(await isUp(pod)).toBe(true);
  });

  test("is renewed although the container has renamed the interface", async () => {
    await world.dhcpd(4);
    await world.daemon();
    const pod = await world.pod("a");
    await configure(pod, addressOf(await world.host.add(pod, network())));
    await world.node.exec("ip", ["link", "set", "eth0", "name", "renamed"], { netns: "a" });
    await expect.poll(() => world.logged(/DHCPACK on/)).toBeGreaterThanOrEqual(3);
  });

  // With the long time limit, the first server is asked until T2.
  test.each([
    [6, "1s"],
    [12, "10s"],
  ])("of %d s is rebound by another server, when its own is gone", async (seconds, limit) => {
    const first = await world.dhcpd(seconds);
    await world.daemon(["-timeout", limit]);
    const pod = await world.pod("a");
    const result = await world.host.add(pod, network());
    await configure(pod, addressOf(result));
    await first.stop("SIGKILL");
    await world.node.exec("sh", ["-ec", secondServer]);
    // It has the first one's list, as a failover peer does.
    await world.node.exec("cp", ["/run/server.leases", "/run/second.leases"]);
    await world.dhcpd(60, [], "second");
    await expect.poll(() => world.logged(/DHCPACK on/, "second")).toBeGreaterThan(0);
    await world.host.check(pod, network(), result);
    expect(await isUp(pod)).toBe(true);
  });

  // A lease of dnsmasq takes two minutes or more, but its T1 can be shorter. What it does not know it refuses.
  const early = "--dhcp-option=option:T1,3";

  test("that the server refuses is acquired again, if it gives the very same address", async () => {
    const server = await world.dnsmasq([early]);
    await world.daemon();
    const pod = await world.pod("a");
    const result = await world.host.add(pod, network());
    await configure(pod, addressOf(result));
    await server.stop();
    await world.node.exec("rm", ["/run/server.leases"]);
    await world.dnsmasq([early]);
    await expect.poll(() => world.leased()).toEqual([addressOf(result)]);
    await world.host.check(pod, network(), result);
    expect(await isUp(pod)).toBe(true);
  });

  test("that the server refuses and does not give again takes the interface down", async () => {
    const server = await world.dnsmasq([early]);
    await world.daemon(["-timeout", "500ms"]);
    const pod = await world.pod("a");
    const result = await world.host.add(pod, network());
    await configure(pod, addressOf(result));
    await server.stop();
    await world.node.exec("rm", ["/run/server.leases"]);
    await world.dnsmasq([early], { range: "10.9.0.150,10.9.0.199" });
    await expect.poll(() => isUp(pod)).toBe(false);
    const check = await world.host.call("CHECK", pod, { ...network(), prevResult: result });
    failed(
      check,
      999,
      /is lost: the server 10\.9\.0\.1 refused: .*it offers 10\.9\.0\.1\d\d, not .*DEL and ADD/,
    );
    await world.host.del(pod, network());
    expect(await world.files()).toEqual([]);
  });

  test("that ends takes the interface down; CHECK says why, and DEL and ADD give an address again", async () => {
    const server = await world.dhcpd(3);
    await world.daemon(["-timeout", "500ms"]);
    const pod = await world.pod("a");
    const result = await world.host.add(pod, network());
    await configure(pod, addressOf(result));
    await server.stop("SIGKILL");
    await expect.poll(() => isUp(pod)).toBe(false);
    const check = await world.host.call("CHECK", pod, { ...network(), prevResult: result });
    failed(check, 999, /is lost: its time was over and no server extended it.*DEL and ADD/);
    await world.dhcpd(60);
    await world.host.del(pod, network());
    const again = await world.host.add(pod, network());
    await world.host.check(pod, network(), again);
  });
});

const secondServer = `
ip netns add second
ip link add port9 type veth peer name eth0 netns second
ip link set port9 master lan up
ip -n second address add 10.9.0.3/24 dev eth0
ip -n second link set eth0 up`;
