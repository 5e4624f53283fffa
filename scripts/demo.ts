/**
 * Shows the plugins from the build to the last DEL on throw-away hosts: this machine is not changed. Exit code 0 only
 * if everything worked.
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
} from "../test/helpers/index.ts";
import { attach, type Container, detach } from "./demo/containers.ts";
import { showHostPort } from "./demo/host-port.ts";
import { showLeftovers } from "./demo/leftovers.ts";
import { expectPing, expectTranslation } from "./demo/proofs.ts";
import { Failure, step, success } from "./demo/screen.ts";

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

/** Runs a part of the demo on a new node that is connected to an outside. */
async function onFreshNode(play: (node: Node, outside: Outside) => Promise<void>): Promise<void> {
  step("Make a throw-away node, and an outside beyond it");
  await using node = await createNode();
  await using outside = await createOutside(node);
  success(`the node is ${outside.nodeAddress4}, the outside is ${outside.address4}`);
  await play(node, outside);
}

async function main(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Failure("the demo makes network namespaces: run it as root");
  await buildExecutables();
  await onFreshNode(attachAndDetach);
  await onFreshNode(showHostPort);
}

try {
  await main();
  console.log("\nAll of it worked.");
} catch (error) {
  console.error(`\nFAILED: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
