/**
 * What only hardware shows: the kernel returns it to the machine's first network namespace when that of a container ends. These tests run in
 * the virtual machine (test/vm), whose two network cards eth0 and eth1 are the ends of one cable.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot, referencePlugin } from "../../../test/helpers/index.ts";
import { assertDone, assertRefused } from "../../../test/vm/scenarios/pods.ts";
import type { Scenario } from "../../../test/vm/scenarios/scenario.ts";
import { type Keys, type Link, Stage } from "../../../test/vm/scenarios/stage.ts";

const far4 = "192.0.2.1";
const far6 = "2001:db8::1";
const ranges = [
  [{ subnet: "192.0.2.0/24", rangeStart: "192.0.2.10" }],
  [{ subnet: "2001:db8::/64", rangeStart: "2001:db8::10" }],
];
const config: Keys = {
  cniVersion: "1.1.0",
  name: "net",
  type: "host-device",
  device: "eth1",
  ipam: { type: "host-local", ranges },
};

const onNode = (stage: Stage, script: string) => stage.node.exec("sh", ["-ec", script]);

const former = { ifname: "eth1", address: "52:54:00:00:00:01", mtu: 1400, ifalias: "the cable" };

const findDevice = async ({ node }: Stage): Promise<Link | undefined> => {
  const all = await node.execJson<Link[]>("ip", ["-j", "-d", "address"]);
  return all.find(({ ifname, ifalias = "" }) => ifname === "eth1" || ["eth1", "the cable"].includes(ifalias));
};

async function assertBack(stage: Stage): Promise<void> {
  const { ifname, address, mtu, ifalias, flags } = (await findDevice(stage)) ?? {};
  assert.deepEqual({ ifname, address, mtu, ifalias }, former);
  assert.ok(flags?.includes("UP") === false);
  assert.deepEqual(await stage.reservations(), []);
}

/** Waits until the kernel has returned the device. */
const awaitReturn = (stage: Stage) =>
  onNode(
    stage,
    "for i in $(seq 600); do ip -d link | grep -q 'alias eth1' && exit 0; sleep 0.1; done; exit 1",
  );

const change = "ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:99 mtu 1300 name other0";
const spoil = (stage: Stage) => stage.node.exec("sh", ["-ec", change], { netns: stage.pod });

async function createStage(node: Stage["node"]): Promise<Stage> {
  const stage = new Stage(node, config);
  await onNode(
    stage,
    `modprobe virtio_net
    for i in $(seq 100); do [ -e /sys/class/net/eth1 ] && break; sleep 0.1; done
    ip netns add far
    ip link set eth0 netns far
    ip -n far address add ${far4}/24 dev eth0
    ip -n far address add ${far6}/64 dev eth0 nodad
    ip -n far link set eth0 up
    ip link set eth1 mtu 1400 alias "the cable" up`,
  );
  await node.addNetns(stage.pod);
  return stage;
}

/** By name, hardware address and places in sysfs, each with traffic. */
async function findsByEachKey(stage: Stage): Promise<string> {
  const { stdout: folder } = await stage.node.exec("readlink", ["-f", "/sys/class/net/eth1/device"]);
  const kernelpath = folder.replace(/\/virtio\d+$/, "");
  const pci = kernelpath.slice(kernelpath.lastIndexOf("/") + 1);
  const selectors: Keys[] = [
    {},
    { hwaddr: "52:54:00:00:00:01" },
    { kernelpath: folder },
    { pciBusID: pci },
    { runtimeConfig: { deviceID: pci } },
  ];
  for (const keys of selectors) {
    const wanted = { device: keys === selectors[0] ? "eth1" : "", ...keys };
    const prevResult = await stage.done("ADD", wanted);
    for (const address of [far4, far6]) assert.ok(await stage.reaches(address), address);
    await stage.done("CHECK", { ...wanted, prevResult });
    assert.equal(assertRefused(await stage.other("far").call("ADD", wanted), /already exists/), 4);
    await stage.done("STATUS", wanted);
    await stage.done("DEL", { ...wanted, prevResult });
    await assertBack(stage);
  }
  return pci;
}

/** The namespace ends before DEL: the kernel returns the device with what the container made of it. */
async function comesBack(stage: Stage): Promise<void> {
  for (const how of ["DEL", "DEL without a path", "GC", "a taken name", "ADD"]) {
    await stage.done("ADD");
    await spoil(stage);
    if (how === "a taken name") await onNode(stage, "ip link add other0 type dummy");
    await stage.node.deleteNetns(stage.pod);
    if (how === "GC") {
      await awaitReturn(stage);
      await stage.done("GC", { "cni.dev/valid-attachments": [] });
    } else if (how === "ADD") {
      await stage.node.addNetns("b");
      const next = stage.other("b");
      const result = await next.done("ADD");
      assert.equal(result.interfaces[0].mac, former.address);
      assert.ok(await next.reaches(far4));
      await stage.done("DEL");
      assert.ok(await next.reaches(far4));
      await next.done("DEL");
    } else await stage.done("DEL", {}, how === "DEL without a path" ? "" : undefined);
    await assertBack(stage);
    if (how === "a taken name") await onNode(stage, "ip link delete other0");
    await stage.node.addNetns(stage.pod);
  }
}

/** A namespace inside of the container's ends with the processes there. */
async function comesBackFromWithin(stage: Stage): Promise<void> {
  await stage.done("ADD");
  const script = `unshare --net sleep 1000 &
    until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
    ip link set eth0 netns $!
    kill $!`;
  await stage.node.exec("sh", ["-ec", script], { netns: stage.pod });
  await stage.done("DEL");
  await assertBack(stage);
}

/** What the reference plugin moved, the kernel returns, and it cannot give back: its DEL fails without the namespace. */
async function takesOverFromReference(stage: Stage): Promise<void> {
  const file = referencePlugin("host-device");
  if (!existsSync(file)) return;
  const keys = { ...config, cniVersion: "1.0.0" };
  const attachment = { containerId: "id-a", netns: "/run/netns/a", ifname: "eth0" };
  const added = await stage.node.plugin(file, { command: "ADD", ...attachment, config: keys });
  assertDone(added, "ADD");
  await stage.node.deleteNetns(stage.pod);
  await awaitReturn(stage);
  await stage.done("DEL", { ...keys, prevResult: added.json });
  assert.equal((await findDevice(stage))?.ifname, "eth1");
  assert.deepEqual(await stage.reservations(), []);
  // The reference does not keep what the alias was.
  await onNode(stage, 'ip link set eth1 alias "the cable"');
  await assertBack(stage);
  await stage.node.addNetns(stage.pod);
}

async function reportsTakenName(stage: Stage): Promise<void> {
  await stage.done("ADD");
  await onNode(stage, "ip link add eth1 type dummy");
  assertRefused(await stage.call("DEL"), /eth1 came back under another name.*\(dummy\)/);
  assert.deepEqual(await stage.reservations(), []);
  await onNode(stage, "ip link delete eth1; ip link set dev0 name eth1");
  await assertBack(stage);
}

async function runsExample(stage: Stage): Promise<void> {
  const text = readFileSync(join(projectRoot, "plugins/host-device/example.conflist"), "utf8");
  const { plugins, cniVersion, name } = JSON.parse(text) as { plugins: Keys[] } & Keys;
  const keys = { ...plugins[0], cniVersion, name };
  const prevResult = await stage.done("ADD", keys);
  assert.ok(await stage.reaches(far4));
  await stage.done("CHECK", { ...keys, prevResult });
  await stage.done("DEL", { ...keys, prevResult });
  await assertBack(stage);
}

/** A program's driver has the device: the result is there without an interface. */
async function leavesToProgram(stage: Stage, pci: string): Promise<void> {
  const wanted = { device: "", pciBusID: pci };
  const folder = `/sys/bus/pci/devices/${pci}`;
  await onNode(stage, `echo ${pci} > ${folder}/driver/unbind`);
  assertRefused(await stage.call("ADD", wanted), /PCI device .* has no driver/);
  await onNode(
    stage,
    `modprobe uio_pci_generic
    read -r vendor < ${folder}/vendor; read -r device < ${folder}/device
    echo "\${vendor#0x} \${device#0x}" > /sys/bus/pci/drivers/uio_pci_generic/new_id`,
  );
  const prevResult = await stage.done("ADD", wanted);
  assert.deepEqual(prevResult.interfaces, [{ name: "eth0", sandbox: "/run/netns/a" }]);
  assert.equal(prevResult.ips.length, 2);
  assert.deepEqual(await stage.names(), ["lo"]);
  await stage.done("CHECK", { ...wanted, prevResult });
  await stage.done("DEL", { ...wanted, prevResult });
  assert.deepEqual(await stage.reservations(), []);
}

export const scenarios: readonly Scenario[] = [
  {
    name: "host-device: a network card is in the container, and on the node again as it was, however that comes",
    isMachine: true,
    run: async (node) => {
      const stage = await createStage(node);
      const pci = await findsByEachKey(stage);
      await comesBack(stage);
      await comesBackFromWithin(stage);
      await takesOverFromReference(stage);
      await reportsTakenName(stage);
      await runsExample(stage);
      await leavesToProgram(stage, pci);
    },
  },
];
