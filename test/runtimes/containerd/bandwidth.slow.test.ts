import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { serve } from "../image.ts";
import { createMachine, example, fetchFrom, type Machine, patience } from "../machine.ts";
import { programs, startContainerd } from "./containerd.ts";
import { podConfig, removePod, runPod, startContainer } from "./pods.ts";

interface Qdisc {
  readonly kind: string;
  readonly dev: string;
  readonly options: { readonly rate: number };
  readonly bytes: number;
}

/** The limits on the node: the bytes that each has seen, by its rate in bits a second. */
async function limits({ node }: Machine): Promise<Record<string, number>> {
  const all = await node.execJson<Qdisc[]>("tc", ["-j", "-s", "qdisc"]);
  const buckets = all.filter(({ kind }) => kind === "tbf");
  return Object.fromEntries(buckets.map(({ options, bytes }) => [String(8 * options.rate), bytes]));
}

describe.runIf(canRun(...programs, "tc"))("annotations for bandwidth", patience, () => {
  test("limit a pod of the chain of bridge, portmap and bandwidth, and go with it", async () => {
    await using machine = await createMachine();
    const { node, outside } = machine;
    const network = example("bandwidth.conflist");
    // Without the networks that are not limited, both directions are token buckets.
    const plugins = network.plugins.map(({ unshapedSubnets: _, ...plugin }) => plugin);
    machine.configure({ ...network, plugins });
    await using containerd = await startContainerd(machine);
    await removePod(containerd, (await runPod(containerd, podConfig("warm-up"))).id);
    const before = await machine.state();

    const ports = [{ protocol: "TCP", containerPort: 80, hostPort: 8080 }] as const;
    const free = await runPod(containerd, podConfig("free"));
    expect(await limits(machine)).toEqual({});
    const annotations = {
      "kubernetes.io/ingress-bandwidth": "40M",
      "kubernetes.io/egress-bandwidth": "20M",
    };
    const pod = await runPod(containerd, { ...podConfig("web", ports), annotations });
    const made = await limits(machine);
    expect(Object.keys(made).sort()).toEqual(["20000000", "40000000"]);
    await startContainer(containerd, pod, serve("web"));
    await expect.poll(() => fetchFrom(outside, outside.nodeAddress4, 8080)).toBe("web");
    const used = await limits(machine);
    for (const [rate, bytes] of Object.entries(used)) expect(bytes, rate).toBeGreaterThan(made[rate] ?? 0);

    await removePod(containerd, pod.id);
    expect(await limits(machine)).toEqual({});
    expect((await node.exec("ip", ["-br", "link", "show", "type", "ifb"])).stdout).toBe("");
    await removePod(containerd, free.id);
    expect(await machine.state()).toEqual(before);
  });

  test("leave no device when the pod's namespace vanished", async () => {
    await using machine = await createMachine();
    const { node } = machine;
    machine.configure(example("bandwidth.conflist"));
    await using containerd = await startContainerd(machine);
    const annotations = { "kubernetes.io/egress-bandwidth": "20M" };
    const pod = await runPod(containerd, { ...podConfig("web"), annotations });
    const devices = async () => (await node.exec("ip", ["-br", "link", "show", "type", "ifb"])).stdout;
    expect(await devices()).toMatch(/^bwp/);
    // The pause container still holds it.
    await node.deleteNetns(pod.netns, { waits: false });
    await removePod(containerd, pod.id);
    expect(await devices()).toBe("");
  });
});
