/** What an ADD asks of the kernel does not depend on how many ports the bridge has. */
import { describe, expect, test } from "vitest";
import { canRun, type Node } from "../../helpers/index.ts";
import { ports } from "../attachment/kernel-state.ts";
import { stepsOf } from "../sweep/system-calls.ts";
import { everything } from "./everything.ts";
import { Host, type Keys, network, type Pod, programs } from "./host.ts";

/** Gives br0 more ports, that are up and have a peer behind them. */
const addPorts = async (node: Node, count: number): Promise<void> => {
  const lines = Array.from({ length: count }, (_, index) => [
    `link add port${index} master br0 type veth peer name peer${index}`,
    `link set peer${index} up`,
    `link set port${index} up`,
  ]).flat();
  await node.exec("ip", ["-batch", "-"], { input: `${lines.join("\n")}\n` });
};

/** The system calls of an ADD that does not have to wait for the kernel's work queue, each with how often it is made. */
const callsOfAdd = async (host: Host, pod: Pod, config: Keys): Promise<Record<string, number>> => {
  for (;;) {
    const steps = await stepsOf({ host, command: "ADD", pod, config });
    await host.del(pod, config);
    if (steps.some(({ syscall }) => syscall === "ppoll")) continue;
    const counts: Record<string, number> = {};
    for (const { syscall } of steps) counts[syscall] = (counts[syscall] ?? 0) + 1;
    return counts;
  }
};

describe.runIf(canRun("strace", ...programs))("ADD to a bridge with 400 ports", () => {
  test.each([
    ["plain", network({ isGateway: true })],
    ["with everything", everything],
  ])("makes the system calls that it makes with one: network %s", async (_kind, config) => {
    await using host = await Host.create();
    const [first, pod] = await host.pods("first", "a");
    await host.add(first, config);
    const one = await callsOfAdd(host, pod, config);
    await addPorts(host.node, 399);
    expect(await ports(host.node, "br0")).toHaveLength(400);
    expect(await callsOfAdd(host, pod, config)).toEqual(one);
  });
});
