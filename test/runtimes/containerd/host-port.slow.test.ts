import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { serve } from "../image.ts";
import { createMachine, example, fetchFrom, patience } from "../machine.ts";
import { programs, startContainerd } from "./containerd.ts";
import { podConfig, removePod, runPod, startContainer } from "./pods.ts";

describe.runIf(canRun(...programs))("a host port that CRI asks for", patience, () => {
  test.each(["bridge-portmap", "bridge-portmap-iptables", "ptp-portmap", "ptp-portmap-iptables"])(
    "leads to the pod by %s, and is gone with it",
    async (name) => {
      await using machine = await createMachine();
      const { node, outside } = machine;
      machine.configure(example(`${name}.conflist`));
      await using containerd = await startContainerd(machine);
      const ports = [{ protocol: "TCP", containerPort: 80, hostPort: 8080 }] as const;
      await removePod(containerd, (await runPod(containerd, podConfig("warm-up", ports))).id);
      const before = await machine.state();

      const pod = await runPod(containerd, podConfig("web", ports));
      await startContainer(containerd, pod, serve("web"));
      for (const address of [outside.nodeAddress4, outside.nodeAddress6])
        await expect.poll(() => fetchFrom(outside, address, 8080)).toBe("web");
      expect(await fetchFrom(node, "127.0.0.1", 8080)).toBe("web");

      await removePod(containerd, pod.id);
      expect(await fetchFrom(node, "127.0.0.1", 8080)).toMatch("refused");
      expect(await machine.state()).toEqual(before);
    },
  );
});
