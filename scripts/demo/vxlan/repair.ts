import type { Underlay } from "../../../test/helpers/underlay.ts";
import { detail, Failure, step, success } from "../screen.ts";
import { attachPod, type DemoPod } from "./pods.ts";

const lost = "0e:76:c0:00:02:02";

/** Removes a peer's entry by hand: CHECK reports it, and the next ADD restores it. */
export async function showRepair(underlay: Underlay, pods: DemoPod[]): Promise<void> {
  const [first, , remote] = pods;
  if (first === undefined || remote === undefined) throw new Failure("pods on two nodes are needed");
  step("Have the plugin check its work (CHECK)");
  for (const pod of pods) {
    const problem = await pod.check();
    if (problem !== undefined) throw new Failure(problem);
  }
  success("all pods are as they should be");
  step("Remove the entry of a peer on node1 by hand, and check again");
  await first.node.exec("bridge", ["fdb", "delete", lost, "dev", "vx100", "dst", "192.0.2.2", "self"]);
  const problem = await first.check();
  if (problem?.includes(`missing: forwarding entry ${lost}`) !== true)
    throw new Failure(`CHECK says: ${problem}`);
  success("CHECK names it:");
  detail(problem);
  step("Attach one more pod on node1 (ADD)");
  const pod = await attachPod(underlay, 0, "pod7");
  pods.push(pod);
  const left = await first.check();
  if (left !== undefined) throw new Failure(left);
  await first.expectPing(remote);
  success(`the entry is back: ${first.label} reaches ${remote.address}, and CHECK is content`);
}
