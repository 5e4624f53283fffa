import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { builtPlugin, canRun, referencePlugin } from "../../helpers/index.ts";
import { failed, Host, type Keys, succeeded } from "../../plugins/attachment/host.ts";

let host: Host;
beforeEach(async () => {
  host = await Host.create("static");
});
afterEach(() => host.node.dispose());

const ipam = {
  type: "static",
  addresses: [
    { address: "10.10.0.5/24", gateway: "10.10.0.1" },
    { address: "fd00:10::5/64", gateway: "fd00:10::1" },
  ],
  routes: [{ dst: "0.0.0.0/0" }, { dst: "192.168.0.0/16", gw: "10.10.0.9", priority: 7 }, { dst: "::/0" }],
  dns: { nameservers: ["10.10.0.1"], domain: "example.org", search: ["example.org"], options: ["ndots:2"] },
};
const network: Keys = { cniVersion: "1.1.0", name: "net", type: "ptp", ipam };
const pod = { name: "a", netns: "/run/netns/a", containerId: "id-a", ifname: "eth0" };

describe.runIf(canRun("ip"))("static", () => {
  test("gives addresses, routes and DNS as they are configured", async () => {
    expect(await host.add(pod, network)).toEqual({
      cniVersion: "1.1.0",
      ips: ipam.addresses,
      routes: ipam.routes,
      dns: ipam.dns,
    });
  });

  test.each(["0.1.0", "0.2.0", "0.3.1", "0.4.0", "1.0.0"])(
    "speaks version %s as the reference does",
    async (version) => {
      // Debian's version of the reference drops a route's priority.
      const routes = ipam.routes.map(({ priority: _, ...route }) => route);
      const config = { ...network, cniVersion: version, ipam: { ...ipam, routes } };
      const reference = new Host(host.node, referencePlugin("static"));
      expect(await host.add(pod, config)).toEqual(await reference.add(pod, config));
    },
  );

  test("ADD without any address fails, as does the plugin that asks it, and leaves nothing", async () => {
    const config = { ...network, ipam: { type: "static" } };
    failed(await host.call("ADD", pod, config), 7, /no address for container id-a eth0.*ipam\.addresses/);
    const ptp = new Host(host.node, builtPlugin("ptp"));
    const container = await ptp.pod("b");
    const before = await host.node.snapshot();
    failed(await ptp.call("ADD", container, config), 7, /no address for container id-b eth0/);
    expect(await host.node.snapshot()).toEqual(before);
  });

  test("DEL and GC succeed without and with any configuration; STATUS refuses a wrong one", async () => {
    await host.del(pod, network);
    await host.del(pod, { ...network, ipam: { type: "static", addresses: [{ address: "x" }] } });
    await host.gc(network, []);
    succeeded(await host.call("STATUS", undefined, network));
    const wrong = { ...network, ipam: { type: "static", addresses: [{ address: "x" }] } };
    failed(await host.call("STATUS", undefined, wrong), 7, /ipam\.addresses\[0\]\.address/);
  });

  test("a container of ptp has them, and CHECK names what the result lacks", async () => {
    const ptp = new Host(host.node, builtPlugin("ptp"));
    const container = await ptp.pod("b");
    const onLink = { ...network, ipam: { ...ipam, routes: [{ dst: "0.0.0.0/0" }] } };
    const prevResult = await ptp.add(container, onLink);
    await ptp.check(container, onLink, prevResult);
    const show = ["-4", "-o", "addr", "show", "eth0"];
    const { stdout } = await host.node.exec("ip", show, { netns: "b" });
    expect(stdout).toContain("inet 10.10.0.5/24");
    const [first, second] = ipam.addresses;
    const changed = (...addresses: unknown[]) => ({ ...network, prevResult, ipam: { ...ipam, addresses } });
    const more = changed(first, second, { address: "10.11.0.5/24" });
    failed(
      await ptp.call("CHECK", container, more),
      999,
      /10\.11\.0\.5\/24 is not in prevResult.*DEL and ADD/,
    );
    const other = changed({ ...first, gateway: "10.10.0.2" }, second);
    failed(
      await ptp.call("CHECK", container, other),
      999,
      /has the gateway 10\.10\.0\.1 in prevResult, not 10\.10\.0\.2/,
    );
    await ptp.del(container, { ...network, prevResult });
  });
});
