/** The dummy plugin's configuration, and what its attachments own. */
import { readMtu } from "../../shared/attachment/mtu.ts";
import type { Owned, Request } from "../../shared/cni/plugin.ts";

export const KIND = "dummy";
export const owned: Owned = { link: { place: "container", kind: KIND }, isFiltered: false };

/** The kernel's for a new dummy interface (dummy_setup in drivers/net/dummy.c). */
const DEFAULT_MTU = 1500;

export interface DummyConfig {
  readonly mtu: number;
}

/** Reads the configuration. Throws codes 6 and 7. */
export function readDummyConfig({ configuration }: Request): DummyConfig {
  const { fields, ipamType } = configuration;
  if (ipamType === "") {
    const advice = `a dummy interface is there for its addresses: add "ipam": {"type": "host-local", ...}`;
    throw fields.invalid("ipam", "names no plugin", advice);
  }
  return { mtu: readMtu(fields, DEFAULT_MTU) ?? DEFAULT_MTU };
}
