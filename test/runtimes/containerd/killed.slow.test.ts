import { describe, expect, test } from "vitest";
import { builtPlugin, canRun } from "../../helpers/index.ts";
import { createMachine, type Machine, patience } from "../machine.ts";
import { type Containerd, programs, startContainerd } from "./containerd.ts";
import { networkWithPorts, type Pod, podConfig, removePod, runPod } from "./pods.ts";

const count = 20;

// 29 pods fit in: the addresses of a first round must come back for a second one.
const network = networkWithPorts("10.31.0.0/27");

const runAll = (containerd: Containerd, round: number): Promise<PromiseSettledResult<Pod>[]> =>
  Promise.allSettled(
    Array.from({ length: count }, (_, index) =>
      runPod(
        containerd,
        podConfig(`pod-${round}-${index}`, [
          { protocol: "TCP", containerPort: 80, hostPort: 8000 + 100 * round + index },
        ]),
      ),
    ),
  );

async function removeAll(containerd: Containerd): Promise<void> {
  for (const { id } of (await containerd.cri.call("ListPodSandbox", {})).items)
    await removePod(containerd, id);
}

const veths = async ({ node }: Machine): Promise<string[]> => {
  const { stdout } = await node.exec("ip", ["-br", "link", "show", "type", "veth"]);
  return stdout.split("\n").filter((line) => line.startsWith("veth"));
};

/** containerd itself forgets namespaces that it had just made when it was killed; nothing is in them. */
async function kept(machine: Machine) {
  const { namespaces: _, ...state } = await machine.state();
  return state;
}

/** What a runtime that knows of no attachment has the plugins take away. */
async function collectGarbage({ node }: Machine): Promise<void> {
  for (const plugin of network.plugins) {
    const config = { ...plugin, cniVersion: "1.1.0", name: network.name, "cni.dev/valid-attachments": [] };
    const run = await node.plugin(builtPlugin(plugin.type), { command: "GC", config });
    expect(run, run.stdout).toMatchObject({ exitCode: 0 });
  }
}

describe.runIf(canRun(...programs))("containerd, killed while it runs 20 sandboxes at once", patience, () => {
  test("can remove them afterwards, and run as many again", async () => {
    await using machine = await createMachine();
    machine.configure(network);
    await using containerd = await startContainerd(machine);
    const ports = [{ protocol: "TCP", containerPort: 80, hostPort: 8080 }] as const;
    await removePod(containerd, (await runPod(containerd, podConfig("warm-up", ports))).id);
    const before = await kept(machine);

    const first = runAll(containerd, 0);
    await expect.poll(() => veths(machine), { interval: 5 }).not.toHaveLength(0);
    await containerd.kill();
    expect((await first).map(({ status }) => status)).toContain("rejected");

    // Plugins that it was running go on, and end.
    const plugins = async () =>
      (await machine.node.snapshot([])).processes.filter((line) => line.includes("/opt/cni/bin/"));
    await expect.poll(plugins).toEqual([]);

    await containerd.restart();
    await removeAll(containerd);
    expect(await veths(machine)).toEqual([]);
    await collectGarbage(machine);
    expect(await kept(machine)).toEqual(before);

    const pods = await runAll(containerd, 1);
    const addresses = pods.map((pod) => (pod.status === "fulfilled" ? pod.value.addresses[0] : pod.reason));
    expect(addresses.filter((address) => !/^10\.31\.0\.\d+$/.test(address))).toEqual([]);
    expect(new Set(addresses).size).toBe(count);
    await removeAll(containerd);
    expect(await kept(machine)).toEqual(before);
  });
});
