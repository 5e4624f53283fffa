import { beforeAll, describe, expect, test } from "vitest";
import { canRun, createNode, type Node, referenceBin, referencePlugin } from "../../../helpers/index.ts";
import { addDelegate, print } from "../delegates.ts";
import { expectResult, run, versions } from "../subjects.ts";

/** What the IPAM prints: two addresses of each family, routes with all their attributes, and name servers. */
const ipam = {
  cniVersion: "1.1.0",
  ips: [
    { address: "10.9.0.2/24", gateway: "10.9.0.1" },
    { address: "fd09::2/64", gateway: "fd09::1" },
    { address: "10.8.0.2/24" },
    { address: "FD08:0:0:0::2/64" },
  ],
  routes: [
    { dst: "192.0.2.0/24", gw: "10.9.0.254", mtu: 1400, advmss: 1360, priority: 7, table: 254, scope: 0 },
    { dst: "2001:db8::/32", gw: "fd09::fe" },
    { dst: "198.51.100.77/24" },
  ],
  dns: { nameservers: ["192.0.2.53"], domain: "example", search: ["a.example"], options: ["ndots:2"] },
};

const { dns } = ipam;
const hardware = expect.stringMatching(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
const host = expect.stringMatching(/^veth[0-9a-f]{11}$/);

const oldForm = {
  ip4: {
    ip: "10.9.0.2/24",
    gateway: "10.9.0.1",
    routes: [{ dst: "192.0.2.0/24", gw: "10.9.0.254" }, { dst: "198.51.100.0/24" }],
  },
  ip6: { ip: "fd09::2/64", gateway: "fd09::1", routes: [{ dst: "2001:db8::/32", gw: "fd09::fe" }] },
  dns,
};

const interfaces = [
  { name: "br0", mac: hardware },
  { name: host, mac: hardware },
  { name: "eth0", mac: hardware, sandbox: "/run/netns/c" },
];
const ips = [
  { interface: 2, address: "10.9.0.2/24", gateway: "10.9.0.1" },
  { interface: 2, address: "fd09::2/64", gateway: "fd09::1" },
  { interface: 2, address: "10.8.0.2/24" },
  { interface: 2, address: "fd08::2/64" },
];
const routes = [
  { dst: "192.0.2.0/24", gw: "10.9.0.254", mtu: 1400, advmss: 1360, priority: 7, table: 254, scope: 0 },
  { dst: "2001:db8::/32", gw: "fd09::fe" },
  { dst: "198.51.100.0/24" },
];

const labelled = ips.map((ip) => ({ version: ip.address.includes(":") ? "6" : "4", ...ip }));
const middleForm = { interfaces, ips: labelled, routes, dns };
const newForm = { interfaces, ips, routes, dns };

const forms: Record<string, object> = {
  "0.1.0": oldForm,
  "0.2.0": oldForm,
  "0.3.0": middleForm,
  "0.3.1": middleForm,
  "0.4.0": middleForm,
  "1.0.0": newForm,
  "1.1.0": { ...newForm, interfaces: interfaces.map((each) => ({ ...each, mtu: 1500 })) },
};

const network = { name: "net", type: "bridge", bridge: "br0", ipam: { type: "full" } };

describe.runIf(canRun("ip"))("the result of bridge", () => {
  test.each(versions)("is exactly what %s asks for", async (cniVersion) => {
    await using node = await createNode();
    await node.addNetns("c");
    addDelegate(node, "full", { ADD: print(ipam) });
    const outcome = await run(node, "bridge", { command: "ADD", config: { cniVersion, ...network } });
    expect(expectResult(outcome)).toEqual({ cniVersion, ...forms[cniVersion] });
  });

  test.each(versions)(
    "has the name servers of the configuration, where it has any, in %s",
    async (cniVersion) => {
      await using node = await createNode();
      await node.addNetns("c");
      addDelegate(node, "full", { ADD: print(ipam) });
      const config = { cniVersion, ...network, dns: { nameservers: ["198.51.100.53"], search: [] } };
      const outcome = await run(node, "bridge", { command: "ADD", config });
      expect(expectResult(outcome)["dns"]).toEqual({ nameservers: ["198.51.100.53"] });
    },
  );

  test("is the same whatever the version that the IPAM answers in", async () => {
    const answers: Record<string, object> = {
      "0.1.0": { ip4: { ip: "10.9.0.2/24", gateway: "10.9.0.1", routes: [{ dst: "192.0.2.0/24" }] } },
      "0.3.1": {
        ips: [{ version: "4", address: "10.9.0.2/24", gateway: "10.9.0.1" }],
        routes: [{ dst: "192.0.2.0/24" }],
      },
      "1.1.0": { ips: [{ address: "10.9.0.2/24", gateway: "10.9.0.1" }], routes: [{ dst: "192.0.2.0/24" }] },
    };
    await using node = await createNode();
    await node.addNetns("c");
    const results: unknown[] = [];
    for (const [cniVersion, answer] of Object.entries(answers)) {
      addDelegate(node, "full", { ADD: print({ cniVersion, ...answer }) });
      const config = { cniVersion: "1.0.0", ...network };
      results.push(expectResult(await run(node, "bridge", { command: "ADD", config }), cniVersion));
      await run(node, "bridge", { command: "DEL", config });
    }
    expect(results[0]).toMatchObject({
      ips: [{ address: "10.9.0.2/24", gateway: "10.9.0.1", interface: 2 }],
    });
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});

/** Names and addresses that each implementation chooses for itself. */
const anonymous = (result: object): unknown =>
  JSON.parse(JSON.stringify(result), (key, value) =>
    key === "mac" ? "MAC" : key === "name" && value.startsWith("veth") ? "VETH" : value,
  );

const withoutEmptyDns = ({ dns: servers, ...result }: Record<string, unknown>): object =>
  Object.keys(servers ?? {}).length === 0 ? result : { ...result, dns: servers };

/** Debian's reference plugins know these. */
const referenceVersions = versions.filter((version) => version !== "1.1.0");

describe.runIf(canRun("ip", referencePlugin("bridge"), referencePlugin("host-local")))("the results", () => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
    return () => node.dispose();
  });

  test.each(referenceVersions)("of the reference bridge and of ours are alike in %s", async (cniVersion) => {
    const config = {
      cniVersion,
      ...network,
      isDefaultGateway: true,
      ipam: {
        type: "host-local",
        ranges: [[{ subnet: "10.9.0.0/24" }], [{ subnet: "fd09::/64" }]],
        routes: [{ dst: "192.0.2.0/24" }, { dst: "2001:db8::/32", gw: "fd09::fe" }],
      },
      dns: { domain: "example" },
    };
    const results: unknown[] = [];
    for (const executable of [referencePlugin("bridge"), undefined]) {
      await node.addNetns("c");
      const container = { containerId: "c", netns: "/run/netns/c", ifname: "eth0", path: referenceBin };
      const call = (command: "ADD" | "DEL") =>
        executable === undefined
          ? run(node, "bridge", { command, ...container, config })
          : node.plugin(executable, { command, ...container, config });
      results.push(anonymous(withoutEmptyDns(expectResult(await call("ADD")))));
      await call("DEL");
      await node.exec("ip", ["link", "delete", "br0"]);
      await node.exec("sh", ["-c", "rm -r /var/lib/cni/networks"]);
      await node.deleteNetns("c");
    }
    expect(results[1]).toEqual(results[0]);
  });
});
