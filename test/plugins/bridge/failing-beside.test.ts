/** An ADD that fails, or a DEL, while the ADD of another container waits in its IPAM plugin. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { gatedPath, installGate, startGatedAdd, stateWithoutGates } from "../attachment/gate.ts";
import { links, ports } from "../attachment/kernel-state.ts";
import { callWith, type Step, stepsOf } from "../sweep/system-calls.ts";
import { failed, Host, hostLocal, network, programs, subnet4, succeeded } from "./host.ts";

const config = network({ isGateway: true, ipam: { ...hostLocal([subnet4]), type: "gated" } });
/** Its ADD fails late, over a gateway that is out of reach. */
const failing = network({
  isGateway: true,
  ipam: { ...hostLocal([subnet4], { routes: [{ dst: "192.0.2.0/24", gw: "203.0.113.9" }] }), type: "gated" },
});
const extras = {
  path: gatedPath,
  env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", PODWIRE_LOCK_TIMEOUT: "3" },
};

describe.runIf(canRun("mkfifo", ...programs))("beside an ADD that its IPAM plugin keeps waiting", () => {
  test.each([
    ["on the same bridge", {}],
    ["on another bridge", { bridge: "br1" }],
  ])("an ADD %s fails at once, and leaves nothing", async (_, keys) => {
    await using host = await Host.create();
    const [slow, pod] = await host.pods("slow", "pod");
    await installGate(host, slow);
    await host.warmUp(network({ isGateway: true }));
    const before = await stateWithoutGates(host);
    const add = await startGatedAdd(host, slow, config);
    failed(await host.call("ADD", pod, { ...failing, ...keys }, extras), 7, /203\.0\.113\.9/);
    await add.open("fail");
    failed(await add.ended, 111);
    expect(await stateWithoutGates(host)).toEqual(before);
  });

  test("another ADD and its DEL go on", async () => {
    await using host = await Host.create();
    const [slow, pod] = await host.pods("slow", "pod");
    await installGate(host, slow);
    const add = await startGatedAdd(host, slow, config);
    await host.add(pod, config, extras);
    await host.del(pod, config, extras);
    await add.open();
    succeeded(await add.ended);
    expect(await ports(host.node, "br0")).toHaveLength(1);
  });

  test("the bridge of a killed ADD is taken away by the next one that fails", async () => {
    await using host = await Host.create();
    const [killed, pod] = await host.pods("killed", "pod");
    const call = { host, command: "ADD", pod: killed, config: network({ isGateway: true }) } as const;
    const steps = await stepsOf(call);
    const pair = steps.findLast(({ line }) => /^sendto.*RTM_NEWLINK.*NLM_F_CREATE/.test(line));
    await host.del(killed, call.config);
    await host.node.exec("ip", ["link", "del", "br0"]);
    await callWith(call, pair as Step, "signal=SIGKILL");
    expect((await links(host.node)).map(({ ifname }) => ifname)).toContain("br0");
    await host.del(killed, call.config);
    await installGate(host);
    failed(await host.call("ADD", pod, failing, extras), 7, /203\.0\.113\.9/);
    expect((await links(host.node)).map(({ ifname }) => ifname)).not.toContain("br0");
  });
});
