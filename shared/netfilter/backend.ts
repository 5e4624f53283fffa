/** Which of the kernel's two packet filters is used: as configured, or as the node offers. */
import type { Fields } from "../cni/fields.ts";
import { isRestoreInstalled } from "./iptables/restore.ts";
import type { Environment } from "./masquerade-adaptor.ts";

export const backends = ["iptables", "nftables"] as const;
export type Backend = (typeof backends)[number];

/** Reads a key that names a backend; undefined if it is absent or empty. Throws codes 6 and 7. */
export function readBackend(fields: Fields, key: string): Backend | undefined {
  const text = fields.text(key) ?? "";
  const backend = backends.find((name) => name === text);
  if (backend !== undefined || text === "") return backend;
  const advice = 'set "iptables" or "nftables", or leave the key out: the node decides then';
  throw fields.invalid(key, `is unknown: ${JSON.stringify(text)}`, advice);
}

/**
 * The backend for a configuration that names none. As the reference plugins choose: iptables where it is installed,
 * else nftables; told by the files there are, without running a program.
 */
export function chooseBackend(environment: Environment): Backend {
  return isRestoreInstalled(4, environment) ? "iptables" : "nftables";
}
