import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { createMachine, example, patience } from "../machine.ts";
import { programs, startContainerd } from "./containerd.ts";
import { podConfig, removePod, runPod } from "./pods.ts";

const ports = [{ protocol: "TCP", containerPort: 80, hostPort: 8080 }] as const;

describe.runIf(canRun(...programs))("a sandbox whose namespace vanished", patience, () => {
  test.each([
    ["bridge-portmap", "umount /run/netns/$0; rm /run/netns/$0"],
    ["ptp-portmap", "umount /run/netns/$0; rm /run/netns/$0"],
    // What a boot leaves when /run is kept: a file that is no namespace.
    ["bridge-portmap", "umount /run/netns/$0"],
  ])("is removed by %s after %s, and leaves nothing", async (name, command) => {
    await using machine = await createMachine();
    const { node } = machine;
    machine.configure(example(`${name}.conflist`));
    await using containerd = await startContainerd(machine);
    await removePod(containerd, (await runPod(containerd, podConfig("warm-up", ports))).id);
    const before = await machine.state();

    const pod = await runPod(containerd, podConfig("one", ports));
    await node.exec("ctr", ["-n", "k8s.io", "tasks", "kill", "--signal", "SIGKILL", pod.id]);
    await node.exec("sh", ["-ec", command, pod.netns]);
    // As kubelet does, once more where containerd has not heard yet that its shim has ended.
    let removed = "";
    const remove = async () => {
      removed = await removePod(containerd, pod.id).then(() => "removed", String);
      return removed;
    };
    await expect
      .poll(remove, { timeout: 30_000, interval: 500 })
      .not.toMatch(/failed to kill sandbox container/);
    expect(removed).toBe("removed");
    expect(await machine.state()).toEqual(before);
  });
});
