/** ADDs that are held up at one of their steps, while something else happens. */
import { links, reservations } from "../attachment/kernel-state.ts";
import type { Stage } from "./stage.ts";
import type { Step } from "./system-calls.ts";

/** When an ADD is held up: before it makes its interface, right afterwards, and before its last change. */
export const moments = ["before its interface", "after its interface", "at its end"] as const;

export type Moment = (typeof moments)[number];

export function stepAt(steps: readonly Step[], moment: Moment): Step {
  // strace does not say of every socket what is sent by it; but a setting of the interface comes right after it.
  const setting = steps.findIndex(({ line }) => /^openat.*conf\/(veth\w+|eth0)\//.test(line));
  const creation = steps.slice(0, setting).findLastIndex(({ syscall }) => syscall === "sendto");
  const later = steps.slice(creation + 1).filter(({ syscall }) => syscall === "sendto");
  const step = { [moments[0]]: steps[creation], [moments[1]]: later[0], [moments[2]]: later.at(-1) }[moment];
  if (step === undefined) throw new Error("the trace lacks this step");
  return step;
}

/** How many addresses the network has reserved while the container is attached. */
export async function countReservations(stage: Stage): Promise<number> {
  await stage.add();
  const { length } = await reservations(stage.host.node);
  await stage.del();
  return length;
}

/** Whether an ADD has got to where it is held up. `total`: the reservations that there are then. */
export const isOnItsWay = async (
  { host: { node }, pod }: Stage,
  moment: Moment,
  total: number,
): Promise<boolean> =>
  moment === "before its interface"
    ? (await reservations(node)).length === total
    : (await links(node, pod.name)).some(({ ifname }) => ifname === pod.ifname);
