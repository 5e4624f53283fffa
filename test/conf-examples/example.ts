import { join } from "node:path";
import { expect } from "vitest";
import {
  type Attachment,
  createNode,
  createOutside,
  type Node,
  type Outside,
  projectRoot,
  type Result,
  Runtime,
  readNetwork,
} from "../helpers/index.ts";

/** A container that an example attached. `name` is that of its network namespace. */
export interface Container extends Attachment {
  readonly name: string;
  readonly result: Result;
  /** Its addresses without prefix length, in the order of the result. */
  readonly addresses: readonly string[];
}

/** Where an example runs: a node, the outside beyond it, and two attached containers. */
export interface Stage {
  readonly node: Node;
  readonly outside: Outside;
  readonly first: Container;
  readonly second: Container;
}

/** What the runtime asks for, for each of the two containers. */
export type Requests = readonly [Partial<Attachment>, Partial<Attachment>];

/** The programs that every example calls. */
export const programs = ["ip", "iptables-save", "nft", "ipset", "ping"] as const;

async function attach(
  node: Node,
  runtime: Runtime,
  name: string,
  request: Partial<Attachment>,
): Promise<Container> {
  const netns = await node.addNetns(name);
  const attachment = { containerId: `container-${name}`, netns, ifname: "eth0", ...request };
  const result = await runtime.add(attachment);
  const addresses = (result.ips ?? []).map(({ address }) => address.replace(/\/.*/, ""));
  return { ...attachment, name, result, addresses };
}

/** The first attachment makes what stays for the next ones, the bridge for instance. */
async function warmUp(node: Node, runtime: Runtime, request: Partial<Attachment>): Promise<void> {
  const container = await attach(node, runtime, "zero", request);
  await runtime.del(container, container.result);
}

/**
 * Runs an example from its first ADD to its last DEL with two containers; `prove` shows that it does what it
 * is for. `furnish` puts on the node what other programs would. CHECK must agree while they are there, and nothing may be left of them afterwards.
 */
export async function runExample(
  file: string,
  prove: (stage: Stage) => Promise<void>,
  requests: Requests = [{}, {}],
  furnish: (node: Node, outside: Outside) => Promise<unknown> = async () => {},
): Promise<void> {
  await using node = await createNode();
  await using outside = await createOutside(node);
  await furnish(node, outside);
  const runtime = new Runtime(node, readNetwork(join(projectRoot, "conf-examples", file)));
  await warmUp(node, runtime, requests[0]);
  const before = await node.snapshot();
  const first = await attach(node, runtime, "one", requests[0]);
  const second = await attach(node, runtime, "two", requests[1]);
  const containers = [first, second];
  await prove({ node, outside, first, second });
  for (const container of containers) await runtime.check(container, container.result);
  for (const container of containers) await runtime.del(container, container.result);
  expect(await node.snapshot()).toEqual(before);
  for (const { name } of containers) {
    const links = await node.execJson<{ ifname: string }[]>("ip", ["-j", "link"], { netns: name });
    expect(links.map(({ ifname }) => ifname)).toEqual(["lo"]);
  }
}
