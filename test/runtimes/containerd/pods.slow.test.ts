import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { serve } from "../image.ts";
import { createMachine, example, patience } from "../machine.ts";
import { programs, startContainerd } from "./containerd.ts";
import { expectServer, podConfig, removePod, runPod, startContainer } from "./pods.ts";

interface Link {
  readonly ifname: string;
  readonly addr_info: readonly { readonly local: string; readonly scope: string }[];
}

describe.runIf(canRun(...programs))("containerd, driven as kubelet does", patience, () => {
  test.each(["bridge-portmap", "ptp-portmap"])("connects pods by %s, and leaves nothing", async (name) => {
    await using machine = await createMachine();
    machine.configure(example(`${name}.conflist`));
    await using containerd = await startContainerd(machine);
    await removePod(containerd, (await runPod(containerd, podConfig("warm-up"))).id);
    const before = await machine.state();

    const [one, two] = [
      await runPod(containerd, podConfig("one")),
      await runPod(containerd, podConfig("two")),
    ];
    for (const { addresses, netns } of [one, two]) {
      const links = await machine.node.execJson<Link[]>("ip", ["-j", "address"], { netns });
      const inside = links.find(({ ifname }) => ifname === "eth0")?.addr_info ?? [];
      const found = inside.filter(({ scope }) => scope === "global").map(({ local }) => local);
      expect(found).toEqual(addresses);
      expect(addresses).toHaveLength(2);
    }
    for (const [client, target] of [
      [one, two],
      [two, one],
    ] as const) {
      await startContainer(containerd, target, serve(target.config.hostname));
      const container = await startContainer(containerd, client, ["sleep", "infinity"], "client");
      for (const address of target.addresses)
        await expectServer(containerd, container, address, target.config.hostname);
    }

    for (const { id } of [one, two]) await removePod(containerd, id);
    expect((await containerd.cri.call("ListPodSandbox", {})).items).toEqual([]);
    expect(await machine.state()).toEqual(before);
  });
});
