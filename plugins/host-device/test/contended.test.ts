import { describe, expect, test } from "vitest";
import { ownerHash } from "../../../shared/cni/attachment.ts";
import { canRun, ping } from "../../../test/helpers/index.ts";
import { failed, type Pod } from "../../../test/plugins/attachment/host.ts";
import { link, reservations } from "../../../test/plugins/attachment/kernel-state.ts";
import { bare, createWorld, far, identity, mac, names, network } from "./world.ts";

const folder = "/run/podwire/devices";

describe.runIf(canRun("ip", "ping", "unshare"))("a device that several containers ask for", () => {
  test("is in one of them, round after round; the others' DELs leave it there, and it comes back", async () => {
    await using host = await createWorld("down");
    const { node } = host;
    const before = identity(await link(node, "up0"));
    const pods = await host.pods("a", "b", "c", "d");
    for (let round = 0; round < 8; round++) {
      const runs = await Promise.all(pods.map((pod) => host.call("ADD", pod, network())));
      const winners = pods.filter((_, at) => runs[at]?.exitCode === 0);
      expect(winners, runs.map(({ stdout }) => stdout).join("\n")).toHaveLength(1);
      for (const run of runs) if (run.exitCode !== 0) expect([11, 999]).toContain(run.json.code);
      const winner = winners[0] as Pod;
      for (const pod of pods) if (pod !== winner) await host.del(pod, network());
      expect(await ping(node, far.address4, { netns: winner.name })).toBe(true);
      await host.del(winner, network());
      expect(identity(await link(node, "up0"))).toEqual(before);
      expect(await reservations(node)).toEqual([]);
      expect((await node.exec("find", [folder, "-type", "f"])).stdout).toBe("");
    }
  });

  test("is what it was, however many ADDs meet the DEL that gives it back", async () => {
    await using host = await createWorld("down");
    const { node } = host;
    const before = identity(await link(node, "up0"));
    const pods = await host.pods("a", "b", "c");
    const attachOften = async (pod: Pod) => {
      let attached = 0;
      for (let round = 0; round < 40; round++) {
        const { exitCode } = await host.call("ADD", pod, bare());
        if (exitCode === 0) attached++;
        await host.del(pod, bare());
      }
      return attached;
    };
    const attached = await Promise.all(pods.map(attachOften));
    expect(Math.max(...attached)).toBeGreaterThan(0);
    expect(identity(await link(node, "up0"))).toEqual(before);
    expect((await node.exec("find", [folder, "-type", "f"])).stdout).toBe("");
  });

  test("stays in its container when another one's ADD was killed before it came that far", async () => {
    await using host = await createWorld();
    const { node } = host;
    const loser = await host.pod("loser");
    // As nerdctl names a namespace, which is mounted nowhere.
    const script = "echo $$; exec sleep 1000";
    await using process = node.start("unshare", ["--net", "sh", "-c", script]);
    const winner = { ...loser, name: "winner", containerId: "id-winner" };
    const held = { ...winner, netns: `/proc/${await process.firstLine()}/ns/net` };
    await host.add(held, bare());
    const file = (await node.exec("find", [folder, "-type", "f"])).stdout;
    const record = JSON.parse((await node.exec("cat", [file])).stdout);
    const { stdout: inode } = await node.exec("stat", ["-L", "-c", "%i", loser.netns]);
    const owner = { network: "net", containerId: loser.containerId, ifname: "eth0" };
    const identityOf = record.namespace.identity.replace(/\d+$/, inode);
    const stale = { ...record, owner, namespace: { path: loser.netns, identity: identityOf } };
    const path = file.replace(/[^/]+$/, `${ownerHash(owner).slice(0, 32)}.json`);
    await node.exec("tee", [path], { input: JSON.stringify(stale) });
    await host.del(loser, bare());
    expect(await names(node)).toEqual(["lo"]);
    await host.del(held, bare());
    expect(identity(await link(node, "up0")).address).toBe(mac);
  });

  test("is no other one of its kind, although that has the same MAC address or neither has one", async () => {
    await using host = await createWorld();
    const { node } = host;
    const batch = [
      "tuntap add mode tun name tun0",
      "tuntap add mode tun name tun1",
      `link add sibling up address ${mac} type veth peer name far0`,
    ];
    await node.exec("ip", ["-batch", "-"], { input: `${batch.join("\n")}\n` });
    for (const [device, other] of [
      ["tun0", "tun1"],
      ["up0", "sibling"],
    ]) {
      const wanted = bare({ device });
      const [holder, second] = await host.pods(`a-${device}`, `b-${device}`);
      const before = identity(await link(node, other as string));
      await host.add(holder, wanted);
      failed(await host.call("ADD", second, wanted), 999, /is in use: the container id-a-/);
      // The kernel deletes these devices with their namespace.
      await node.deleteNetns(holder.name);
      await host.del(holder, wanted);
      failed(await host.call("ADD", second, wanted), 999, /there is no device/);
      expect(identity(await link(node, other as string))).toEqual(before);
    }
    expect((await link(node, "sibling")).flags).toContain("UP");
  });

  test("is no other one whose alias is its name, as an administrator may have written it", async () => {
    await using host = await createWorld();
    const { node } = host;
    const [a, b] = await host.pods("a", "b");
    await node.exec("ip", ["link", "add", "up1", "type", "veth", "peer", "name", "far1"]);
    await node.exec("ip", ["link", "set", "up1", "up", "alias", "up0"]);
    const other = identity(await link(node, "up1"));
    const wanted = bare({ device: "up1" });
    await host.add(a, bare());
    await host.add(b, wanted);
    await host.del(b, wanted);
    expect(identity(await link(node, "up1"))).toEqual(other);
    await host.del(a, bare());
    expect(identity(await link(node, "up0"))).toMatchObject({ address: mac, ifalias: undefined });
    await host.add(a, bare());
    await node.deleteNetns("a");
    await host.del(a, bare());
    expect(identity(await link(node, "up1"))).toEqual(other);
  });

  test("has its former name in the error where nothing but its alias says it", async () => {
    await using host = await createWorld();
    const pod = await host.pod("a");
    await host.node.exec("ip", ["link", "set", "up0", "down", "name", "net1", "alias", "up0"]);
    failed(
      await host.call("ADD", pod, bare()),
      999,
      /no device \(device up0\).*net1 has that alias.*ip link set net1 down name up0/,
    );
  });
});
