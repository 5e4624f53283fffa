import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { builtPlugin, canRun, createNode, type Node } from "../helpers/index.ts";

// What needs no VLANs to be tested: configurations that are wrong on any kernel, and a kernel without the feature.

const base = {
  cniVersion: "1.1.0",
  name: "red",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  ipam: { type: "host-local", subnet: "10.1.0.0/24" },
};

describe.runIf(canRun("ip", "bridge"))("bridge with VLANs refused", () => {
  let node: Node;

  beforeEach(async () => {
    node = await createNode();
    await node.addNetns("a");
  });

  afterEach(() => node.dispose());

  const run = (command: "ADD" | "DEL" | "STATUS", settings: object) =>
    node.plugin(builtPlugin("bridge"), {
      command,
      containerId: "id-a",
      netns: "/run/netns/a",
      ifname: "eth0",
      config: { ...base, ...settings },
    });

  /** Asked of the kernel itself: one without the feature has bridges, but no VLANs on them. */
  const kernelFilters = async (): Promise<boolean> => {
    const probe = await createNode();
    try {
      await probe.exec("ip", ["link", "add", "br0", "type", "bridge"]);
      const args = ["vlan", "add", "dev", "br0", "vid", "2", "self"];
      return (await probe.exec("bridge", args, { reject: false })).exitCode === 0;
    } finally {
      await probe.dispose();
    }
  };

  test.each([
    { settings: { vlan: 4095 }, code: 7, message: /vlan.*4095/i },
    { settings: { vlan: -1 }, code: 7, message: /vlan.*-1/i },
    { settings: { vlan: 1.5 }, code: 6, message: /vlan/ },
    { settings: { vlan: "100" }, code: 6, message: /vlan/ },
    { settings: { vlanTrunk: [{ id: 0 }] }, code: 7, message: /trunk id/ },
    { settings: { vlanTrunk: [{ id: 4095 }] }, code: 7, message: /trunk id/ },
    { settings: { vlanTrunk: [{ minID: 10 }] }, code: 7, message: /maxID/ },
    { settings: { vlanTrunk: [{ maxID: 10 }] }, code: 7, message: /minID/ },
    { settings: { vlanTrunk: [{ minID: 12, maxID: 10 }] }, code: 7, message: /minID.*greater/ },
    { settings: { vlanTrunk: [{ minID: 0, maxID: 10 }] }, code: 7, message: /minID/ },
    { settings: { vlanTrunk: [{ minID: 10, maxID: 4095 }] }, code: 7, message: /maxID/ },
    { settings: { vlanTrunk: "10-12" }, code: 6, message: /vlanTrunk/ },
  ])("$settings is not a VLAN", async ({ settings, code, message }) => {
    const before = await node.snapshot();
    const { exitCode, json } = await run("ADD", settings);
    expect({ exitCode, code: json?.code }).toEqual({ exitCode: 1, code });
    expect(`${json.msg} ${json.details ?? ""}`).toMatch(message);
    expect(await node.snapshot()).toEqual(before);
  });

  test.each([{ settings: { vlan: 100 } }, { settings: { vlanTrunk: [{ minID: 10, maxID: 12 }] } }])(
    "$settings: a kernel without the feature is named, and nothing changes",
    async ({ settings, ...context }) => {
      void context;
      if (await kernelFilters()) return;
      const before = await node.snapshot();
      const { exitCode, json } = await run("ADD", settings);
      expect(exitCode).toBe(1);
      expect([7, 50]).toContain(json.code);
      expect(`${json.msg} ${json.details}`).toMatch(/VLAN filtering.*CONFIG_BRIDGE_VLAN_FILTERING/);
      expect(await node.snapshot()).toEqual(before);
      const status = await run("STATUS", settings);
      expect(status.json).toMatchObject({ code: 50, msg: expect.stringContaining("VLAN filtering") });
      expect(await node.snapshot()).toEqual(before);
      expect((await run("DEL", settings)).exitCode).toBe(0);
      expect(await node.snapshot()).toEqual(before);
    },
  );
});
