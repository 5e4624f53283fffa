/** The configuration of vlan, and what its attachments own. */
import { readMaster } from "../../shared/attachment/master.ts";
import { readMtu } from "../../shared/attachment/mtu.ts";
import type { SubInterface } from "../../shared/attachment/sub-interface.ts";
import type { Owned, Request } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { writeVlanDevice } from "../../shared/netlink/vlan-device.ts";
import { explain } from "./explain.ts";
import type { vlanKeys } from "./schema.ts";

export const KIND = "vlan";
export const owned: Owned = { link: { place: "container", kind: KIND }, isFiltered: false };

/** IEEE 802.1Q: 4095 is reserved. */
const HIGHEST_ID = 4094;

export interface VlanConfig extends SubInterface {
  readonly id: number;
}

function readId(keys: Keyed<typeof vlanKeys>): number {
  const id = keys.integer("vlanId") ?? 0;
  if (id >= 0 && id <= HIGHEST_ID) return id;
  throw keys.invalid("vlanId", `is ${id}`, `give a VLAN ID from 0 to ${HIGHEST_ID}`);
}

/** Reads the configuration. Throws codes 6 and 7. */
export function readVlanConfig({ configuration }: Request): VlanConfig {
  const { fields, ipamType } = configuration;
  const master = readMaster(fields);
  if (master.name === undefined)
    throw fields.invalid("master", "is missing", `name the interface that the VLAN is on: "master": "eth1"`);
  if (ipamType === "") {
    const advice = `add "ipam": {"type": "host-local", ...}`;
    throw fields.invalid("ipam", "names no plugin", advice);
  }
  const id = readId(fields);
  return {
    kind: KIND,
    id,
    master,
    mtu: readMtu(fields, "the master's"),
    data: (writer) => writeVlanDevice(writer, id),
    explain: (refused, below) => explain(refused, below, id),
  };
}
