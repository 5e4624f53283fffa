import { readdirSync, renameSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { createMachine, type Machine, patience } from "../machine.ts";
import { type Containerd, programs, startContainerd } from "./containerd.ts";
import { networkWithPorts, podConfig, removePod, runPod } from "./pods.ts";

// Thirteen pods fit in.
const network = networkWithPorts("10.31.0.0/28");

const ports = [{ protocol: "TCP", containerPort: 80, hostPort: 8080 }] as const;

async function removeAll(containerd: Containerd): Promise<void> {
  for (const { id } of (await containerd.cri.call("ListPodSandbox", {})).items)
    await removePod(containerd, id);
}

async function start(machine: Machine): Promise<Containerd> {
  machine.configure(network);
  const containerd = await startContainerd(machine);
  await removePod(containerd, (await runPod(containerd, podConfig("warm-up", ports))).id);
  return containerd;
}

/** A pod that is tried again and again, and never becomes one. */
async function fail(containerd: Containerd, times: number, reason: RegExp, after = async () => {}) {
  for (let attempt = 0; attempt < times; attempt++) {
    const { metadata, ...config } = podConfig("again", ports);
    const tried = runPod(containerd, { ...config, metadata: { ...metadata, attempt } });
    await expect(tried).rejects.toThrow(reason);
    await after();
  }
}

/** Takes the last plugin of the chain away, and returns what puts it back. */
function hide({ node }: Machine): () => void {
  const [there, away] = [node.path("/opt/cni/bin/portmap"), node.path("/opt/cni/portmap")];
  renameSync(there, away);
  return () => renameSync(away, there);
}

describe.runIf(canRun(...programs))("containerd with a chain whose last plugin fails", patience, () => {
  test("leaks nothing over 50 retries for a port that is taken", async () => {
    await using machine = await createMachine();
    await using containerd = await start(machine);
    const holder = await runPod(containerd, podConfig("holder", ports));
    const before = await machine.state();
    await fail(containerd, 50, new RegExp(`8080.*${holder.id}`));
    expect(await machine.state()).toEqual(before);
    expect((await containerd.cri.call("ListPodSandbox", {})).items).toHaveLength(1);
  });

  // DEL stops at the plugin that is not there, so containerd keeps the sandbox until it is.
  test("frees all that is kept once a missing plugin is there again", async () => {
    await using machine = await createMachine();
    await using containerd = await start(machine);
    const before = await machine.state();
    const putBack = hide(machine);
    await fail(containerd, 5, /failed to find plugin "portmap"/);
    putBack();
    await removeAll(containerd);
    expect(await machine.state()).toEqual(before);
  });

  // As with a containerd that takes the namespace away although DEL failed: DEL is not called again.
  test("has addresses left after 20 retries whose namespaces went without DEL", async () => {
    await using machine = await createMachine();
    const { node } = machine;
    await using containerd = await start(machine);
    const before = await machine.state();
    const putBack = hide(machine);
    await fail(containerd, 20, /failed to find plugin "portmap"/, async () => {
      for (const name of readdirSync(node.path("/run/netns"))) await node.deleteNetns(name, { waits: false });
    });
    putBack();
    const pod = await runPod(containerd, podConfig("last", ports));
    expect(pod.addresses[0]).toMatch(/^10\.31\.0\.\d+$/);
    await removeAll(containerd);
    expect(await machine.state()).toEqual(before);
  });
});
