import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { serve } from "../image.ts";
import { createMachine, fetchFrom, patience } from "../machine.ts";
import { nerdctl, nomad } from "../networks.ts";
import { programs, startContainerd } from "./containerd.ts";
import { podConfig, removePod, runPod, startContainer } from "./pods.ts";

// The default networks of nerdctl and Nomad, for pods, where the node drops what it forwards. There is no folder but ours.

describe.runIf(canRun(...programs, "iptables", "ip6tables"))("the default network of", patience, () => {
  test.each([
    ["nerdctl", nerdctl],
    ["Nomad", nomad],
  ] as const)("%s connects a pod and its port, and leaves nothing", async (_, network) => {
    await using machine = await createMachine();
    const { node, outside } = machine;
    for (const tool of ["iptables", "ip6tables"]) await node.exec(tool, ["-P", "FORWARD", "DROP"]);
    machine.configure(network);
    const validated = await machine.run("/opt/cni/bin/podwire", ["validate", "/etc/cni/net.d"]);
    expect(validated.stdout).not.toMatch(/error/);
    await using containerd = await startContainerd(machine);
    const ports = [{ protocol: "TCP", containerPort: 80, hostPort: 8080 }] as const;
    await removePod(containerd, (await runPod(containerd, podConfig("warm-up", ports))).id);
    const before = await machine.state();

    const pod = await runPod(containerd, podConfig("web", ports));
    await startContainer(containerd, pod, serve("web"));
    await expect.poll(() => fetchFrom(outside, outside.nodeAddress4, 8080)).toBe("web");
    expect(await fetchFrom(node, "127.0.0.1", 8080)).toBe("web");
    const { exitCode } = await node.exec("ping", ["-c", "1", "-W", "5", outside.address4], {
      netns: pod.netns,
    });
    expect(exitCode).toBe(0);

    await removePod(containerd, pod.id);
    expect(await machine.state()).toEqual(before);
  });
});
