/** Which of the kernel's two packet filters is used: as configured, or as the node offers. */
import type { Fields } from "../cni/fields.ts";

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
