/**
 * Shows the vxlan plugin on three throw-away nodes: this machine is not changed. Exit code 0 only if everything
 * worked.
 */
import { execa } from "execa";
import { projectRoot } from "../test/helpers/index.ts";
import { createUnderlay, type Underlay } from "../test/helpers/underlay.ts";
import { Failure, step, success } from "./demo/screen.ts";
import { showPacket } from "./demo/vxlan/packet.ts";
import { attachTwo, type DemoPod } from "./demo/vxlan/pods.ts";
import { showRepair } from "./demo/vxlan/repair.ts";

async function buildExecutables(): Promise<void> {
  step("Build the executables");
  await execa("npm", ["run", "--silent", "build"], { cwd: projectRoot, stdio: "inherit" });
}

async function attachAll(underlay: Underlay): Promise<DemoPod[]> {
  step("Attach two pods on each node (ADD); each node's configuration lists the two others as peers");
  const pods: DemoPod[] = [];
  for (const [index] of underlay.members.entries()) pods.push(...(await attachTwo(underlay, index)));
  return pods;
}

async function expectAllReached(pods: readonly DemoPod[]): Promise<void> {
  step("Every pod pings every other pod");
  for (const from of pods) {
    const others = pods.filter((pod) => pod !== from);
    for (const to of others) await from.expectPing(to);
    success(`${from.label} reaches ${others.map(({ address }) => address).join(", ")}`);
  }
}

async function main(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Failure("the demo makes network namespaces: run it as root");
  await buildExecutables();
  step("Make three throw-away nodes, with a network between them: the underlay");
  await using underlay = await createUnderlay(3);
  success(underlay.members.map(({ address4 }, index) => `node${index + 1} is ${address4}`).join(", "));
  const pods = await attachAll(underlay);
  await expectAllReached(pods);
  await showPacket(pods);
  await showRepair(underlay, pods);
  step("Detach all pods (DEL)");
  for (const pod of pods) await pod.detach();
  success("no pod is left; the overlay stays for the next ones");
}

try {
  await main();
  console.log("\nAll of it worked.");
} catch (error) {
  console.error(`\nFAILED: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
