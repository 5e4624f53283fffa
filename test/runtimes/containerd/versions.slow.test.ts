import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { createMachine, example, patience } from "../machine.ts";
import { programs, startContainerd } from "./containerd.ts";
import { podConfig, removePod, runPod } from "./pods.ts";

const ports = [{ protocol: "TCP", containerPort: 80, hostPort: 8080 }] as const;

/** What of the pod may not outlast it. */
const left = async ({ node, state }: Awaited<ReturnType<typeof createMachine>>) => {
  const { files = [], namespaces } = await state();
  const links = (await node.exec("ip", ["-br", "link", "show", "type", "veth"])).stdout.split("\n");
  return {
    files: files.filter((each) =>
      /\/results\/|:eth0|\/\d+(\.\d+){3}:|\/fd00:|hostports\/.+\/(?!complete)/.test(each),
    ),
    links: links.filter((each) => each.startsWith("veth")),
    namespaces,
  };
};

const nothing = { files: [], links: [], namespaces: [] };

describe.runIf(canRun(...programs))("containerd with a configuration", patience, () => {
  test.each([
    { cniVersion: "1.0.0" },
    { cniVersion: "0.4.0" },
    { cniVersion: "0.3.1" },
    { cniVersion: "1.0.0", cniVersions: ["0.4.0", "1.0.0", "1.1.0"] },
  ])("of %o attaches and detaches a pod", async (versions) => {
    await using machine = await createMachine();
    machine.configure({ ...example("bridge-portmap.conflist"), ...versions });
    await using containerd = await startContainerd(machine);
    const pod = await runPod(containerd, podConfig("one", ports));
    expect(pod.addresses).toEqual(["10.31.0.2", "fd00:31::2"]);
    await removePod(containerd, pod.id);
    expect(await left(machine)).toEqual(nothing);
  });

  // containerd speaks 1.1.0 from its version 2.0 on. An older one finds out only when it has the first plugin's result.
  test("of version 1.1.0 attaches a pod, or takes back what it did", async () => {
    await using machine = await createMachine();
    machine.configure({ ...example("bridge-portmap.conflist"), cniVersion: "1.1.0" });
    await using containerd = await startContainerd(machine);
    try {
      const pod = await runPod(containerd, podConfig("one", ports));
      expect(pod.addresses).toEqual(["10.31.0.2", "fd00:31::2"]);
      await removePod(containerd, pod.id);
    } catch (error) {
      expect(String(error)).toMatch('unsupported CNI result version "1.1.0"');
    }
    expect(await left(machine)).toEqual(nothing);
  });
});
