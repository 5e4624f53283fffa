/**
 * Shows the plugins at work, from the build to the last DEL, on a host that is thrown away afterwards: nothing
 * on this machine is changed. Exit code 0 only if everything worked.
 */
import { join } from "node:path";
import { execa } from "execa";
import {
  createNode,
  createOutside,
  type Node,
  type Outside,
  projectRoot,
  Runtime,
  readNetwork,
  type Snapshot,
} from "../test/helpers/index.ts";
import { attach, type Container, detach } from "./demo/containers.ts";
import { kept, tracesOf } from "./demo/leftovers.ts";
import { expectPing, expectTranslation } from "./demo/proofs.ts";
import { detail, Failure, step, success } from "./demo/screen.ts";

const example = "conf-examples/single-node.conflist";

async function buildExecutables(): Promise<void> {
  step("Build the executables");
  await execa("npm", ["run", "--silent", "build"], { cwd: projectRoot, stdio: "inherit" });
}

async function showTraffic(node: Node, outside: Outside, one: Container, two: Container): Promise<void> {
  step("The containers reach each other");
  await expectPing(node, one, two.address);
  await expectPing(node, two, one.address);
  step("They reach the outside, which sees the node's address and not theirs (NAT)");
  await expectPing(node, one, outside.address4);
  await expectTranslation(node, outside, one);
  await expectTranslation(node, outside, two);
}

async function showLeftovers(node: Node, before: Snapshot, containers: Container[]): Promise<void> {
  step("Look for what is left");
  const after = await node.snapshot();
  const traces = tracesOf(containers, after);
  if (traces.length > 0) throw new Failure(`left behind:\n${traces.join("\n")}`);
  success("of the containers: nothing");
  detail("kept on the node for the next container:");
  for (const line of kept(before, after)) detail(`  ${line}`);
}

async function attachAndDetach(node: Node, outside: Outside): Promise<void> {
  const runtime = new Runtime(node, readNetwork(join(projectRoot, example)));
  const before = await node.snapshot();
  step(`Attach two containers with ${example} (ADD)`);
  const one = await attach(node, runtime, "one");
  const two = await attach(node, runtime, "two");
  await showTraffic(node, outside, one, two);
  step("Have the plugins check their work (CHECK)");
  for (const { attachment, result, name } of [one, two]) {
    await runtime.check(attachment, result);
    success(`${name}: as it should be`);
  }
  step("Detach the containers (DEL)");
  for (const container of [one, two]) await detach(node, runtime, container);
  await showLeftovers(node, before, [one, two]);
}

async function main(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Failure("the demo makes network namespaces: run it as root");
  await buildExecutables();
  step("Make a throw-away node, and an outside beyond it");
  await using node = await createNode();
  await using outside = await createOutside(node);
  success(`the node is ${outside.nodeAddress4}, the outside is ${outside.address4}`);
  await attachAndDetach(node, outside);
}

try {
  await main();
  console.log("\nAll of it worked.");
} catch (error) {
  console.error(`\nFAILED: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
