import type { Attachment, Node, Result, Runtime } from "../../test/helpers/index.ts";
import { detail, Failure, success } from "./screen.ts";

/** A network namespace that stands for a container, and ADD's result. */
export interface Container {
  /** The name of the namespace. */
  readonly name: string;
  readonly attachment: Attachment;
  readonly result: Result;
  readonly address: string;
}

/** Makes a container, attaches it, and shows the result. `request` has further parameters of the runtime. */
export async function attach(
  node: Node,
  runtime: Runtime,
  name: string,
  request: Pick<Attachment, "capabilities"> = {},
): Promise<Container> {
  const netns = await node.addNetns(name);
  const attachment = { containerId: `demo-container-${name}`, netns, ifname: "eth0", ...request };
  const result = await runtime.add(attachment);
  const address = result.ips?.[0]?.address.replace(/\/.*/, "");
  if (address === undefined) throw new Failure(`ADD gave ${name} no address: ${JSON.stringify(result)}`);
  success(`${name} has ${address}; the result of the plugin:`);
  detail(JSON.stringify(result, undefined, 2));
  return { name, attachment, result, address };
}

/** Detaches a container and verifies that its interface is gone. */
export async function detach(node: Node, runtime: Runtime, container: Container): Promise<void> {
  const { name, attachment, result } = container;
  await runtime.del(attachment, result);
  const links = await node.execJson<{ ifname: string }[]>("ip", ["-j", "link"], { netns: name });
  const names = links.map(({ ifname }) => ifname).join(", ");
  if (names !== "lo") throw new Failure(`${name} still has the interfaces ${names}`);
  success(`${name} has no interface but lo`);
}
