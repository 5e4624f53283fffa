import { createHash } from "node:crypto";
import { type Attachment, createNode, type Network, type Node } from "../../test/helpers/index.ts";
import { createProgress } from "./progress.ts";
import type { Cost, Verb } from "./protocol.ts";
import { startWorker } from "./worker-process.ts";

/** A container of a site: the name of its namespace, and the host port that maps to `containerPort`. */
export interface Container {
  readonly name: string;
  readonly hostPort: number;
}

export const containerPort = 8080;

/** Below the kernel's range of client ports. */
const [firstHeldPort, firstMeasuredPort] = [10_000, 12_000];

export const heldContainer = (index: number): Container => ({
  name: `held${index}`,
  hostPort: firstHeldPort + index,
});

export const measuredContainer = (round: number): Container => ({
  name: `measured${round}`,
  hostPort: firstMeasuredPort + round,
});

/** A node where one implementation of the plugins is measured. */
export interface Site extends AsyncDisposable {
  readonly node: Node;
  /** Attaches containers without measuring, and keeps them: `heldContainer` from 0 on. */
  hold(count: number): Promise<void>;
  /** Makes the namespaces of containers that will be attached. */
  prepare(containers: readonly Container[]): Promise<void>;
  /** Calls all plugins of the network for one container. Returns one cost per plugin, in the order of the calls. */
  measure(verb: Verb, container: Container): Promise<readonly Cost[]>;
}

// The concurrency of a busy kubelet; the kernel and the locks allow no more anyway.
const fillWidth = 4;

/** Attachments between two progress reports. */
const fillBatch = 40;

/** A container ID as long as those of runtimes. */
const containerId = (name: string): string => createHash("sha256").update(name).digest("hex");

export const attachmentOf = ({ name, hostPort }: Container): Attachment => ({
  containerId: containerId(name),
  netns: `/run/netns/${name}`,
  ifname: "eth0",
  capabilities: { portMappings: [{ hostPort, containerPort, protocol: "tcp" }] },
});

/** Makes a site for the executables in `folder`. `furnish` makes what the network needs. */
export async function createSite(
  folder: string,
  network: Network,
  furnish: (node: Node) => Promise<void> = async () => {},
): Promise<Site> {
  const node = await createNode();
  await furnish(node);
  const worker = await startWorker({ folder, network, scratch: "/run/bench" }, { pid: node.pid });
  const prepare = async (containers: readonly Container[]): Promise<void> => {
    const input = containers.map(({ name }) => `netns add ${name}\n`).join("");
    await node.exec("ip", ["-batch", "-"], { input });
  };
  const hold = async (count: number): Promise<void> => {
    const containers = Array.from({ length: count }, (_, index) => heldContainer(index));
    await prepare(containers);
    const progress = createProgress(`attaching with ${folder}`, count);
    for (let done = 0; done < count; done += fillBatch) {
      progress(done);
      const attachments = containers.slice(done, done + fillBatch).map(attachmentOf);
      await worker.ask({ kind: "attach", attachments, width: fillWidth });
    }
  };
  return {
    node,
    prepare,
    hold,
    measure: (verb, container) => worker.ask({ kind: "measure", verb, attachment: attachmentOf(container) }),
    [Symbol.asyncDispose]: async () => {
      await node.dispose();
      await worker[Symbol.asyncDispose]();
    },
  };
}
