import { join } from "node:path";
import {
  type Node,
  type Outside,
  projectRoot,
  Runtime,
  readNetwork,
  startEcho,
} from "../../test/helpers/index.ts";
import { attach, detach } from "./containers.ts";
import { showLeftovers } from "./leftovers.ts";
import { expectClosed, expectForwarding } from "./proofs.ts";
import { step } from "./screen.ts";

const example = "conf-examples/bridge-portmap.conflist";
const containerPort = 80;
const hostPort = 8080;

/** Shows a server in a container that the outside reaches by a host port while it is attached. */
export async function showHostPort(node: Node, outside: Outside): Promise<void> {
  const runtime = new Runtime(node, readNetwork(join(projectRoot, example)));
  const before = await node.snapshot();
  step(
    `Attach a web server with ${example}: port ${hostPort} of the node is to be its port ${containerPort}`,
  );
  const portMappings = [{ hostPort, containerPort, protocol: "tcp" }];
  const web = await attach(node, runtime, "web", { capabilities: { portMappings } });
  {
    await using _server = await startEcho(node, containerPort, web.name);
    step("The outside reaches it by the node's addresses");
    await expectForwarding(outside, web, hostPort);
    step("Detach it, while it goes on serving");
    await detach(node, runtime, web);
    await expectClosed(outside, hostPort);
  }
  await showLeftovers(node, before, [web]);
}
