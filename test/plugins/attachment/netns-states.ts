/** A host with an attachment that is to go, in the states that its namespace may be in by then. */
import { writeFileSync } from "node:fs";
import { expect } from "vitest";
import type { Host, Keys, Pod } from "./host.ts";
import { hostState } from "./kernel-state.ts";

/** The host must have been used with `config` before; one more attachment stays there, and must not be harmed. */
export const prepareDeletion = async <Kind extends Host>(host: Kind, config: Keys) => {
  const neighbour = await host.pod("neighbour");
  const kept = await host.add(neighbour, config);
  const pod = await host.pod("a");
  const before = await hostState(host.node);
  const result = await host.add(pod, config);
  const intact = async () => {
    expect(await hostState(host.node)).toEqual(before);
    await host.check(neighbour, config, kept);
  };
  return { host, pod, result, neighbour, intact, [Symbol.asyncDispose]: () => host.node.dispose() };
};

export type Deletion = Awaited<ReturnType<typeof prepareDeletion>>;

/** In words, and how it comes to be: the attachment as a runtime then calls it. */
export const namespaceStates: [string, (stage: Deletion) => Promise<Pod>][] = [
  ["is there", async ({ pod }) => pod],
  [
    "is gone, its path too",
    async ({ host, pod }) => {
      // DEL comes while the kernel still removes the interface, or after that.
      await host.node.deleteNetns(pod.name, { waits: false });
      return pod;
    },
  ],
  ["is not given", async ({ pod }) => ({ ...pod, netns: "" })],
  [
    "is empty",
    async ({ host, pod }) => {
      await host.node.exec("ip", ["link", "delete", "eth0"], { netns: pod.name });
      return pod;
    },
  ],
  [
    "left a plain file at its path",
    async ({ host, pod }) => {
      await host.node.deleteNetns(pod.name);
      writeFileSync(host.node.path("/run/plain"), "");
      return { ...pod, netns: "/run/plain" };
    },
  ],
  [
    "is called by a path with a plain file for a folder",
    async ({ pod }) => ({ ...pod, netns: "/etc/passwd/x" }),
  ],
  ["is called by a folder", async ({ pod }) => ({ ...pod, netns: "/run" })],
  [
    "has its interface renamed",
    async ({ host, pod }) => {
      await host.node.exec("ip", ["link", "set", "eth0", "down", "name", "renamed"], { netns: pod.name });
      return pod;
    },
  ],
  [
    "has its interface down and without addresses",
    async ({ host, pod }) => {
      await host.node.exec("ip", ["link", "set", "eth0", "down"], { netns: pod.name });
      await host.node.exec("ip", ["address", "flush", "dev", "eth0"], { netns: pod.name });
      return pod;
    },
  ],
];
