/** The configuration: parsed, defaulted and validated before anything is changed. And what an attachment owns. */
import { readMtu } from "../../shared/attachment/mtu.ts";
import type { Owned, Request } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import type { keys } from "./schema.ts";

export const KIND = "veth";

/** Where the interface lives, so that DEL and GC find it, and remove nothing else (shared/cni/plugin.ts). */
export const owned: Owned = { link: { place: "pair", kind: KIND }, isFiltered: false };

export interface TemplateConfig {
  readonly mtu: number;
  /** The host's end is up. */
  readonly hostUp: boolean;
}

const DEFAULT_MTU = 1500;

/** Reads the configuration. Throws codes 6 (wrong type) and 7 (wrong value). */
export function readTemplateConfig({ configuration }: Request): TemplateConfig {
  const { fields, ipamType } = configuration;
  if (ipamType === "")
    throw fields.invalid("ipam", "names no plugin", 'add "ipam": {"type": "host-local", ...}');
  // Another key than those of schema.ts, or another type, does not compile.
  const known: Keyed<typeof keys> = fields;
  return { mtu: readMtu(fields, DEFAULT_MTU) ?? DEFAULT_MTU, hostUp: known.boolean("hostUp") ?? true };
}
