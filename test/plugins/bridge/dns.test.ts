import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
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

  test("is left out where none is configured", async () => {
    await using host = await Host.create();
    expect(await host.add(await host.pod("a"), network())).not.toHaveProperty("dns");
  });
});
