import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { containerState, hostState, link, links } from "../attachment/kernel-state.ts";
import {
  everything,
  failed,
  fixed,
  Host,
  hostLocal,
  type Keys,
  network,
  type Pod,
  programs,
  staticIpam,
  subnet4,
  subnet6,
  succeeded,
  withStatic,
} from "./host.ts";

/** ADD must fail so on a clean host, which must then be as it was, but for what IPAM remembers. */
const expectRefused = async (keys: Keys, code: number, words: RegExp, pod: Partial<Pod> = {}) => {
  await using host = await Host.create();
  const before = [await hostState(host.node), await containerState(host.node, (await host.pod("a")).name)];
  const attachment = { name: "a", netns: "/run/netns/a", containerId: "id-a", ifname: "eth0", ...pod };
  failed(await host.call("ADD", attachment, keys, withStatic), code, words);
  const after = await hostState(host.node);
  const isOfStore = (line: string) => /\/networks\/net\/(lock|last_reserved_ip\.\d):/.test(line);
  const files = after.files.filter((line) => !isOfStore(line));
  expect([{ ...after, files }, await containerState(host.node, "a")]).toEqual(before);
};

describe.runIf(canRun(...programs))("a configuration is refused with", () => {
  const bad: [string, Keys, number, RegExp][] = [
    ["no ipam", { ipam: undefined }, 7, /"ipam"/],
    ["an empty ipam", { ipam: {} }, 7, /"ipam"/],
    ["an ipam of the wrong type", { ipam: "host-local" }, 6, /ipam/],
    ["an IPAM plugin that is missing", { ipam: { type: "missing" } }, 5, /missing/],
    ["ipMasq of the wrong type", { ipMasq: "yes" }, 6, /ipMasq/],
    ["an unknown ipMasqBackend", { ipMasq: true, ipMasqBackend: "pigeon" }, 7, /ipMasqBackend/],
    [
      "a network without its length",
      { ipMasq: true, nonMasqueradeCIDRs: ["10/8"] },
      7,
      /nonMasqueradeCIDRs\[0\]/,
    ],
    ["an MTU of the wrong type", { mtu: "1500" }, 6, /mtu/],
    ["an MTU too small", { mtu: 67 }, 7, /mtu/],
    ["an MTU too large", { mtu: 65536 }, 7, /mtu/],
    ["dns of the wrong type", { dns: "1.1.1.1" }, 6, /dns/],
    [
      "a route through a gateway that is not on the link",
      { ipam: hostLocal([subnet4], { routes: [{ dst: "192.0.2.0/24", gw: "10.1.0.9" }] }) },
      7,
      /192\.0\.2\.0\/24.*10\.1\.0\.9/,
    ],
    [
      "an IPv6 route through a gateway that is not on the link",
      { ipam: hostLocal([subnet6], { routes: [{ dst: "2001:db8::/32", gw: "fd00:1::9" }] }) },
      7,
      /2001:db8::\/32.*fd00:1::9/,
    ],
  ];

  test.each(bad)("%s", (_kind, keys, code, words) => expectRefused({ ...everything, ...keys }, code, words));

  test.each([
    ["no namespace", { netns: "" }, 4, /CNI_NETNS/],
    ["a namespace that is missing", { netns: "/run/netns/none" }, 8, /none/],
    ["an interface name that is a path", { ifname: "a/b" }, 4, /CNI_IFNAME/],
    ["an interface that every container has", { ifname: "lo" }, 4, /lo/],
  ] as const)("%s", (_kind, pod, code, words) => expectRefused(everything, code, words, pod));
});

describe.runIf(canRun(staticIpam, ...programs))("IPAM's answer is refused with", () => {
  test.each([
    ["the container's address for a gateway", ["10.1.0.2/24 via 10.1.0.2"], /10\.1\.0\.2.*own/],
    [
      "one of its addresses for another's gateway",
      ["10.1.0.2/24 via 10.1.0.3", "10.1.0.3/24 via 10.1.0.1"],
      /10\.1\.0\.3.*own/,
    ],
  ])("%s", (_kind, addresses, words) => expectRefused(fixed(...addresses), 7, words));

  test("an address that another container has, whose it stays", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    for (const address of ["10.1.0.9/24", "fd00:1::9/64"]) {
      const result = await host.add(a, fixed(address), withStatic);
      const before = [await hostState(host.node), await containerState(host.node, "b")];
      const error = failed(await host.call("ADD", b, fixed(address), withStatic), 11);
      expect(error.msg).toContain(address.split("/")[0]);
      expect(error.msg).toContain(result.interfaces[0].name);
      expect(error.msg).toContain("container=id-a");
      expect([await hostState(host.node), await containerState(host.node, "b")]).toEqual(before);
      await host.check(a, fixed(address), result, withStatic);
      await host.del(a, fixed(address), withStatic);
    }
  });

  test("an address that the node routes elsewhere", async () => {
    await using host = await Host.create();
    await host.node.exec("ip", ["route", "add", "blackhole", "10.1.0.9"]);
    const pod = await host.pod("a");
    failed(await host.call("ADD", pod, fixed("10.1.0.9/24"), withStatic), 11, /10\.1\.0\.9/);
    expect(await links(host.node, "a")).toHaveLength(1);
  });
});

const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

describe.runIf(canRun(...programs))("the result", () => {
  const routes = [{ dst: "0.0.0.0/0" }, { dst: "192.0.2.0/24", gw: "10.1.0.1", mtu: 1300 }, { dst: "::/0" }];
  const old = routes.map(({ dst, gw }) => (gw === undefined ? { dst } : { dst, gw }));
  const config = (cniVersion: string) =>
    network({
      cniVersion,
      ipam: hostLocal([subnet4, subnet6], { routes, resolvConf: "/run/resolv.conf" }),
    });
  const dns = { nameservers: ["192.0.2.53"] };

  test.each(versions)("has the form of version %s, and DEL takes it", async (version) => {
    await using host = await Host.create();
    writeFileSync(host.node.path("/run/resolv.conf"), "nameserver 192.0.2.53\n");
    const pod = await host.pod("a");
    const result = await host.add(pod, config(version));
    const outer = (await links(host.node)).find(({ ifname }) => ifname.startsWith("veth"));
    const inner = await link(host.node, "eth0", "a");
    const described = (each: typeof inner | undefined) => ({
      name: each?.ifname,
      mac: each?.address,
      ...(version === "1.1.0" ? { mtu: each?.mtu } : {}),
    });
    const number = versions.indexOf(version);
    const ip = (name: string, address: string, gateway: string) => ({
      ...(number < 5 ? { version: name } : {}),
      address,
      gateway,
      interface: 1,
    });
    const modern = {
      cniVersion: version,
      interfaces: [described(outer), { ...described(inner), sandbox: "/run/netns/a" }],
      ips: [ip("4", "10.1.0.2/24", "10.1.0.1"), ip("6", "fd00:1::2/64", "fd00:1::1")],
      routes: version === "1.1.0" ? routes : result.routes,
      dns,
    };
    const ancient = {
      cniVersion: version,
      ip4: { ip: "10.1.0.2/24", gateway: "10.1.0.1", routes: old.slice(0, 2) },
      ip6: { ip: "fd00:1::2/64", gateway: "fd00:1::1", routes: old.slice(2) },
      dns,
    };
    expect(result).toEqual(number < 2 ? ancient : modern);
    if (number >= 4) await host.check(pod, config(version), result);
    await host.del(pod, { ...config(version), prevResult: result });
    expect(await links(host.node, "a")).toHaveLength(1);
  });

  test("has the configuration's dns where it has any", async () => {
    await using host = await Host.create();
    const own = { nameservers: ["10.1.0.1"], search: ["a.example"] };
    writeFileSync(host.node.path("/run/resolv.conf"), "nameserver 192.0.2.53\n");
    expect((await host.add(await host.pod("a"), { ...config("1.1.0"), dns: own })).dns).toEqual(own);
  });
});

describe.runIf(canRun(...programs))("STATUS", () => {
  const status = (host: Host, config: Keys) => host.call("STATUS", undefined, config);

  test("is well on a clean host, and changes nothing", async () => {
    await using host = await Host.create();
    const before = await hostState(host.node);
    expect(succeeded(await status(host, everything)).stdout).toBe("");
    const after = await hostState(host.node);
    expect({ ...after, files: [] }).toEqual({ ...before, files: [] });
  });

  test("says that addresses are exhausted", async () => {
    await using host = await Host.create();
    const config = network({ ipam: hostLocal(["10.1.0.0/30"]) });
    await host.add(await host.pod("a"), config);
    failed(await status(host, config), 50, /10\.1\.0\.1-10\.1\.0\.2: 1 of 1 used/);
  });

  test.each([
    ["no ipam", { ipam: {} }, 7],
    ["an IPAM plugin that is missing", { ipam: { type: "missing" } }, 5],
    ["an MTU out of range", { mtu: -1 }, 7],
    ["an unknown backend", { ipMasq: true, ipMasqBackend: "pigeon" }, 7],
  ])("says that the configuration cannot work: %s", async (_fault, keys, code) => {
    await using host = await Host.create();
    failed(await status(host, network(keys)), code);
  });
});
