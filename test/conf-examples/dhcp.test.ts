import { describe, expect, test } from "vitest";
import { builtPlugin, canRun, ping } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

// The outside (test/helpers/outside.ts) is the network's router and server. dnsmasq sends option 121 as it is told.
const server = [
  "exec dnsmasq --keep-in-foreground --log-facility=- --conf-file=/dev/null --port=0 --pid-file= --no-resolv --no-ping",
  "--user=root --interface=eth0 --bind-dynamic --dhcp-leasefile=/run/leases --log-dhcp",
  "--dhcp-range=203.0.113.100,203.0.113.150,2m --dhcp-option=6,203.0.113.1",
  "--dhcp-option=121,198.51.100.0/24,203.0.113.1,0.0.0.0/0,203.0.113.1 2>&1",
].join(" ");

describe.runIf(canRun(...programs, "dnsmasq"))("conf-examples/dhcp", () => {
  test("containers on the uplink get address, routes and DNS from the network's server, and tell it their names", async () => {
    await runExample(
      "dhcp.conflist",
      async ({ node, outside, first, second }) => {
        for (const { name, addresses, result } of [first, second]) {
          expect(addresses).toEqual([expect.stringMatching(/^203\.0\.113\.1\d\d$/)]);
          expect(result).toMatchObject({ dns: { nameservers: ["203.0.113.1"] } });
          const { stdout } = await node.exec("ip", ["route", "show"], { netns: name });
          expect(stdout).toContain("198.51.100.0/24 via 203.0.113.1");
          expect(await ping(node, outside.address4, { netns: name })).toBe(true);
        }
        const { stdout } = await outside.exec("cat", ["/run/leases"]);
        expect(stdout).toMatch(/ web-1 /);
      },
      [{ args: "IgnoreUnknown=1;K8S_POD_NAME=web-1" }, {}],
      async (node, outside) => {
        await outside.start("sh", ["-c", server]).firstLine();
        node.start(builtPlugin("dhcp"), ["daemon"]);
        await expect
          .poll(() => node.exec("ls", ["/run/cni/dhcp.sock"], { reject: false }))
          .toMatchObject({ exitCode: 0 });
      },
    );
  });
});
