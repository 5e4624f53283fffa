/** The file in which flanneld says a node's subnets, for the plugin flannel. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Node } from "./node.ts";

export const subnetEnv = {
  FLANNEL_NETWORK: "10.244.0.0/16",
  FLANNEL_SUBNET: "10.244.1.1/24",
  FLANNEL_MTU: "1450",
  FLANNEL_IPMASQ: "true",
};

/** Writes the file as flanneld does. Disposing of it does nothing: it goes with the node. */
export function writeSubnetEnv(
  node: Node,
  values: Readonly<Record<string, string>> = subnetEnv,
  file = "/run/flannel/subnet.env",
): Promise<AsyncDisposable> {
  const path = node.path(file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    Object.entries(values)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(""),
  );
  return Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() });
}
