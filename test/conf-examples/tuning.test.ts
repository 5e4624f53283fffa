import { describe, expect, test } from "vitest";
import { canRun, ping } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

describe.runIf(canRun(...programs))("conf-examples/tuning", () => {
  test("sets sysctls of the containers, and the MTU and the MAC address of their interfaces", async () => {
    const macs = ["02:33:00:00:00:01", "02:33:00:00:00:02"] as const;
    await runExample(
      "tuning.conflist",
      async ({ node, first, second }) => {
        for (const [index, { name }] of [first, second].entries()) {
          const read = async (key: string) =>
            (await node.exec("cat", [`/proc/sys/net/${key}`], { netns: name })).stdout.trim();
          expect(await read("core/somaxconn")).toBe("1024");
          expect(await read("ipv4/conf/eth0/arp_filter")).toBe("1");
          const { stdout } = await node.exec("ip", ["link", "show", "eth0"], { netns: name });
          expect(stdout).toContain("mtu 1400");
          expect(stdout).toContain(macs[index]);
        }
        expect(await ping(node, second.addresses[0] ?? "", { netns: first.name })).toBe(true);
      },
      // The bridge remembers that an address had a MAC address of its own: the first container is there before the snapshot, too.
      [{ capabilities: { mac: macs[0] } }, { capabilities: { mac: macs[1] } }],
    );
  });
});
