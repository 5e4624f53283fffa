import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { builtPlugin, canRun } from "../../helpers/index.ts";
import { Host as AnyHost, type Keys } from "../attachment/host.ts";
import { makeUnderlay, network as overlayNetwork } from "../vxlan/single-node.ts";
import { Host, hostLocal, network, programs, subnet4 } from "./host.ts";

const own = { nameservers: ["10.1.0.1"], domain: "own.example", search: ["a.example"], options: ["ndots:5"] };

describe.runIf(canRun(...programs))("dns", () => {
  test("of the configuration is in the result, whole", async () => {
    await using host = await Host.create();
    expect((await host.add(await host.pod("a"), network({ dns: own }))).dns).toEqual(own);
  });

  test("of IPAM is in the result where the configuration has none", async () => {
    await using host = await Host.create();
    writeFileSync(host.node.path("/run/resolv.conf"), "nameserver 192.0.2.53\nsearch ipam.example\n");
    const ipam = hostLocal([subnet4], { resolvConf: "/run/resolv.conf" });
    const ofIpam = { nameservers: ["192.0.2.53"], search: ["ipam.example"] };
    const [a, b] = await host.pods("a", "b");
    expect((await host.add(a, network({ ipam, dns: {} }))).dns).toEqual(ofIpam);
    expect((await host.add(b, network({ ipam, dns: own }))).dns).toEqual(own);
  });

  test.each([
    ["nameservers", "an empty list counts", true],
    ["search", "an empty list counts", true],
    ["options", "an empty list counts", true],
    ["domain", "an empty domain does not count", false],
  ])("%s of the configuration replaces that of IPAM: %s", async (key, _, counts) => {
    await using host = await Host.create();
    writeFileSync(host.node.path("/run/resolv.conf"), "nameserver 192.0.2.53\n");
    const given = { dns: { [key]: counts ? [] : "" } };
    const dual = [subnet4, "fd00:1::/64"];
    const ipam = hostLocal(dual, { resolvConf: "/run/resolv.conf" });
    const expected = counts ? undefined : { nameservers: ["192.0.2.53"] };
    const ptp = new AnyHost(host.node, builtPlugin("ptp"));
    const overlay = overlayNetwork("l2", [2], { ipam, ...given });
    await makeUnderlay(host);
    const places: readonly (readonly [AnyHost, Keys])[] = [
      [host, network({ ipam, ...given })],
      [ptp, { ...network({ name: "two", ipam, ...given }), type: "ptp" }],
      [new AnyHost(host.node, builtPlugin("vxlan")), { ...overlay, name: "three" }],
    ];
    for (const [at, [caller, config]] of places.entries()) {
      const pod = await host.pod(`pod${at}`);
      expect((await caller.add(pod, config)).dns, String(config["type"])).toEqual(expected);
    }
  });

  test("is left out where none is configured", async () => {
    await using host = await Host.create();
    expect(await host.add(await host.pod("a"), network())).not.toHaveProperty("dns");
  });
});
