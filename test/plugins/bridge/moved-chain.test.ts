/** The chain of masquerade at another priority than it should have. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { moveChain } from "../attachment/packet-filter.ts";
import { failed, Host, hostLocal, network, programs, subnet4 } from "./host.ts";

const config = network({
  isGateway: true,
  ipMasq: true,
  ipMasqBackend: "nftables",
  ipam: hostLocal([subnet4]),
});
const other = network({ ...config, name: "other", bridge: "br1", ipam: hostLocal(["10.9.0.0/24"]) });

const table = async (host: Host) =>
  (await host.node.exec("nft", ["list", "table", "inet", "podwire"])).stdout.split("\n").sort();

describe.runIf(canRun(...programs))("the chain of the masquerade", () => {
  test.each([
    [
      "an earlier priority",
      moveChain("postrouting", "postrouting priority srcnat", "postrouting priority 7"),
    ],
    ["a later priority", moveChain("postrouting", "postrouting priority srcnat", "postrouting priority 300")],
  ])(
    "at %s is named by CHECK, and back in its place after the next ADD, with all that is in it",
    async (_kind, move) => {
      await using host = await Host.create();
      const [a, b, c] = await host.pods("a", "b", "c");
      const result = await host.add(a, config);
      const second = await host.add(b, other);
      const before = await table(host);
      await host.node.exec("sh", ["-ec", move]);
      expect(await table(host)).not.toEqual(before);
      failed(
        await host.call("CHECK", a, { ...config, prevResult: result }),
        999,
        /masquerade: the rule "[^"]+" of the chain (postrouting|vxlan) is changed/,
      );
      await host.add(c, config);
      await host.del(c, config);
      expect(await table(host)).toEqual(before);
      await host.check(a, config, result);
      await host.check(b, other, second);
    },
  );
});
