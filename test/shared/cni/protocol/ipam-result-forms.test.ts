import { writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { canRun, createNode, type Node, referencePlugin } from "../../../helpers/index.ts";
import { expectResult, run, versions } from "../subjects.ts";

const resolvConf = "nameserver 192.0.2.53\nsearch a.example b.example\noptions ndots:2\n";
const dns = { nameservers: ["192.0.2.53"], search: ["a.example", "b.example"], options: ["ndots:2"] };

const configuration = (cniVersion: string, dataDir: string) => ({
  cniVersion,
  name: "net",
  type: "host-local",
  ipam: {
    type: "host-local",
    dataDir,
    ranges: [[{ subnet: "10.9.0.0/24" }], [{ subnet: "fd09::/64", gateway: "fd09::fe" }]],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "2001:db8::/32", gw: "fd09::fe" }],
    resolvConf: "/run/resolv.conf",
  },
});

const old = {
  ip4: { ip: "10.9.0.2/24", gateway: "10.9.0.1", routes: [{ dst: "0.0.0.0/0" }] },
  ip6: { ip: "fd09::1/64", gateway: "fd09::fe", routes: [{ dst: "2001:db8::/32", gw: "fd09::fe" }] },
  dns,
};
const routes = [{ dst: "0.0.0.0/0" }, { dst: "2001:db8::/32", gw: "fd09::fe" }];
const ips = [
  { address: "10.9.0.2/24", gateway: "10.9.0.1" },
  { address: "fd09::1/64", gateway: "fd09::fe" },
];
const labelled = ips.map((ip, at) => ({ version: at === 0 ? "4" : "6", ...ip }));

const formOf = (version: string): object =>
  /^0\.[12]/.test(version) ? old : { ips: version < "1" ? labelled : ips, routes, dns };

describe.runIf(canRun("ip"))("the result of host-local", () => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
    writeFileSync(node.path("/run/resolv.conf"), resolvConf);
    return () => node.dispose();
  });

  test.each(versions)("is exactly what %s asks for, without interfaces", async (cniVersion) => {
    const config = configuration(cniVersion, `/run/ours-${cniVersion}`);
    const result = expectResult(await run(node, "host-local", { command: "ADD", config }));
    expect(result).toEqual({ cniVersion, ...formOf(cniVersion) });
  });

  // Debian's reference plugins are older than 1.1.0.
  const shared = versions.filter((version) => version !== "1.1.0");

  test.runIf(canRun(referencePlugin("host-local"))).each(shared)(
    "is in %s what the reference prints",
    async (cniVersion) => {
      const container = { containerId: "c", netns: "/run/netns/c", ifname: "eth0" };
      const theirs = configuration(cniVersion, `/run/theirs-${cniVersion}`);
      const reference = await node.plugin(referencePlugin("host-local"), {
        command: "ADD",
        ...container,
        config: theirs,
      });
      const ours = configuration(cniVersion, `/run/ours-again-${cniVersion}`);
      const result = expectResult(await run(node, "host-local", { command: "ADD", config: ours }));
      expect(result).toEqual(expectResult(reference));
    },
  );
});
