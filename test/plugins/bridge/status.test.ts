import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { hostState } from "../attachment/kernel-state.ts";
import { failed, Host, hostLocal, type Keys, l2Network, network, programs, succeeded } from "./host.ts";

const status = (host: Host, config: Keys) => host.call("STATUS", undefined, config);

describe.runIf(canRun(...programs))("STATUS", () => {
  test.each([
    ["with addresses", network({ isGateway: true, ipMasq: true, macspoofchk: true })],
    ["without addresses", l2Network()],
  ])("is well on a clean host, and changes nothing: %s", async (_kind, config) => {
    await using host = await Host.create();
    const before = await hostState(host.node);
    expect(succeeded(await status(host, config)).stdout).toBe("");
    const after = await hostState(host.node);
    expect({ ...after, files: [] }).toEqual({ ...before, files: [] });
  });

  test("says that addresses are exhausted, with the range, and is well again when one is free", async () => {
    await using host = await Host.create();
    const config = network({ ipam: hostLocal(["10.1.0.0/30"]) });
    const pod = await host.pod("a");
    await host.add(pod, config);
    failed(await status(host, config), 50, /10\.1\.0\.1-10\.1\.0\.2: 1 of 1 used/);
    await host.del(pod, config);
    succeeded(await status(host, config));
  });

  test("says that the bridge's name is another kind of link's", async () => {
    await using host = await Host.create();
    await host.node.exec("ip", ["link", "add", "br0", "type", "veth", "peer", "name", "x"]);
    failed(await status(host, network()), 7, "br0");
  });

  test("says that IPAM is missing", async () => {
    await using host = await Host.create();
    failed(await status(host, network({ ipam: { type: "missing-ipam" } })), 5, "missing-ipam");
  });

  test.each([
    ["a wrong type", { mtu: "big" }, 6],
    ["a value out of range", { mtu: -1 }, 7],
    ["a range that is no range", { ipam: hostLocal(["10.1.0.0/99"]) }, 7],
  ])("says that the configuration cannot work: %s", async (_fault, keys, code) => {
    await using host = await Host.create();
    failed(await status(host, network(keys)), code);
  });
});
