/** Bridges and their ports: include/uapi/linux/if_link.h (IFLA_BR_*, IFLA_BRPORT_*) and if_bridge.h. */

import { Attributes, readAttributes } from "./attributes.ts";
import { BodyWriter } from "./body-writer.ts";
import { type Link, LinkAttribute, LinkFlag, LinkInfo, LinkMessage, linkHeader } from "./link.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

const AF_BRIDGE = 7;
/** IFLA_BR_*. */
const VLAN_FILTERING = 7;
const MULTICAST_QUERIER = 25;
/** IFLA_BRPORT_*. */
const PORT_HAIRPIN = 4;
const PORT_NEIGHBOUR_SUPPRESSION = 32;
const PORT_ISOLATED = 33;

export interface NewBridge {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly mtu?: number;
  readonly vlanFiltering: boolean;
}

/**
 * Equivalent to: ip link add NAME address MAC type bridge. With an address at creation, the bridge never takes a
 * port's address. Without vlanFiltering the attribute is omitted: a kernel without VLAN filtering refuses it.
 */
export function newBridge(bridge: NewBridge): NetlinkMessage {
  const body = new BodyWriter()
    .raw(linkHeader(0))
    .text(LinkAttribute.name, bridge.name)
    .bytes(LinkAttribute.address, bridge.mac);
  if (bridge.mtu !== undefined) body.u32(LinkAttribute.mtu, bridge.mtu);
  body.nested(LinkAttribute.linkInfo, (info) => {
    info.text(LinkInfo.kind, "bridge");
    if (bridge.vlanFiltering) info.nested(LinkInfo.data, (data) => data.u8(VLAN_FILTERING, 1));
  });
  return {
    type: LinkMessage.new,
    flags: Flag.request | Flag.ack | Flag.create | Flag.exclusive,
    body: body.finish(),
    purpose: `create the bridge ${bridge.name}`,
  };
}

export function isVlanFiltering(bridge: Link): boolean {
  return bridge.data.u8(VLAN_FILTERING) === 1;
}

/** True if the bridge sends multicast queries: it then forwards multicast only to ports that have answered. */
export function isMulticastQuerier(bridge: Link): boolean {
  return bridge.data.u8(MULTICAST_QUERIER) === 1;
}

/** Equivalent to: ip link set dev NAME type bridge vlan_filtering 0|1. */
export function setVlanFiltering(bridge: Link, on: boolean): NetlinkMessage {
  const body = new BodyWriter().raw(linkHeader(bridge.index)).nested(LinkAttribute.linkInfo, (info) => {
    info.text(LinkInfo.kind, "bridge").nested(LinkInfo.data, (data) => data.u8(VLAN_FILTERING, Number(on)));
  });
  return {
    type: LinkMessage.new,
    flags: Flag.request | Flag.ack,
    body: body.finish(),
    purpose: `switch ${on ? "on" : "off"} VLAN filtering on the bridge ${bridge.name}`,
  };
}

export interface PortSettings {
  readonly alias: string;
  readonly hairpin: boolean;
  readonly isolated: boolean;
  readonly up: boolean;
}

/**
 * Equivalent to: ip link set dev NAME alias TEXT type bridge_slave hairpin on|off isolated on|off. By name, so that it
 * can follow the port's creation in the same batch.
 */
export function setPort(name: string, port: PortSettings): NetlinkMessage {
  const flags = port.up ? LinkFlag.up : 0;
  const body = new BodyWriter()
    .raw(linkHeader(0, flags, LinkFlag.up))
    .text(LinkAttribute.name, name)
    .text(LinkAttribute.alias, port.alias)
    .nested(LinkAttribute.linkInfo, (info) => {
      info.text(LinkInfo.portKind, "bridge").nested(LinkInfo.portData, (data) => {
        data.u8(PORT_HAIRPIN, Number(port.hairpin)).u8(PORT_ISOLATED, Number(port.isolated));
      });
    });
  return {
    type: LinkMessage.new,
    flags: Flag.request | Flag.ack,
    body: body.finish(),
    purpose: `set up the bridge port ${name}`,
  };
}

/**
 * Equivalent to: ip link set dev NAME master BRIDGE type bridge_slave neigh_suppress on|off. With suppression the
 * bridge answers ARP and neighbour solicitations for known addresses behind the port.
 */
export function joinBridge(
  link: { index: number; name: string },
  bridge: { index: number; name: string },
  suppressNeighbours: boolean,
): NetlinkMessage[] {
  const request = (body: BodyWriter, purpose: string): NetlinkMessage => ({
    type: LinkMessage.new,
    flags: Flag.request | Flag.ack,
    body: body.finish(),
    purpose,
  });
  const settings = new BodyWriter().raw(linkHeader(link.index)).nested(LinkAttribute.linkInfo, (info) => {
    info
      .text(LinkInfo.portKind, "bridge")
      .nested(LinkInfo.portData, (data) => data.u8(PORT_NEIGHBOUR_SUPPRESSION, Number(suppressNeighbours)));
  });
  const joined = new BodyWriter().raw(linkHeader(link.index)).u32(LinkAttribute.master, bridge.index);
  return [
    request(joined, `make ${link.name} a port of the bridge ${bridge.name}`),
    request(settings, `set up the bridge port ${link.name}`),
  ];
}

export function suppressesNeighbours(port: Link): boolean {
  return port.portData.u8(PORT_NEIGHBOUR_SUPPRESSION) === 1;
}

export function isHairpin(port: Link): boolean {
  return port.portData.u8(PORT_HAIRPIN) === 1;
}

export function isIsolated(port: Link): boolean {
  return port.portData.u8(PORT_ISOLATED) === 1;
}

/** IFLA_BRIDGE_FLAGS, IFLA_BRIDGE_VLAN_INFO in IFLA_AF_SPEC; BRIDGE_VLAN_INFO_* and BRIDGE_FLAGS_SELF. */
const BRIDGE_FLAGS = 0;
const VLAN_INFO = 2;
const FLAGS_SELF = 2;
const VLAN_PVID = 2;
const VLAN_UNTAGGED = 4;
const RANGE_BEGIN = 8;
const RANGE_END = 16;
/** RTEXT_FILTER_BRVLAN_COMPRESSED: the answer lists VLANs as ranges. */
const VLANS_COMPRESSED = 4;

/** A port's VLANs, first to last. pvid: the VLAN of untagged incoming frames; they leave untagged. */
export interface VlanRange {
  readonly first: number;
  readonly last: number;
  readonly pvid: boolean;
  readonly untagged: boolean;
}

function vlanInfo(flags: number, id: number): Uint8Array {
  const info = new Uint8Array(4);
  const view = new DataView(info.buffer);
  view.setUint16(0, flags, true);
  view.setUint16(2, id, true);
  return info;
}

function writeRange(body: BodyWriter, range: VlanRange): void {
  const flags = (range.pvid ? VLAN_PVID : 0) | (range.untagged ? VLAN_UNTAGGED : 0);
  if (range.first === range.last) {
    body.bytes(VLAN_INFO, vlanInfo(flags, range.first));
    return;
  }
  body.bytes(VLAN_INFO, vlanInfo(flags | RANGE_BEGIN, range.first));
  body.bytes(VLAN_INFO, vlanInfo(flags | RANGE_END, range.last));
}

function vlanMessage(
  type: number,
  link: { index: number; name: string },
  ranges: readonly VlanRange[],
  self: boolean,
): NetlinkMessage {
  const body = new BodyWriter().raw(linkHeader(link.index, 0, 0, AF_BRIDGE));
  body.nested(LinkAttribute.familySpecific, (specific) => {
    if (self) specific.u16(BRIDGE_FLAGS, FLAGS_SELF);
    for (const range of ranges) writeRange(specific, range);
  });
  const verb = type === LinkMessage.set ? "add" : "remove";
  const purpose = `${verb} VLANs ${ranges.map((range) => range.first).join(", ")} of ${link.name}`;
  return { type, flags: Flag.request | Flag.ack, body: body.finish(), purpose };
}

/** Equivalent to: bridge vlan add dev NAME vid FIRST-LAST [pvid] [untagged] [self], for each range. */
export function addVlans(
  link: { index: number; name: string },
  ranges: readonly VlanRange[],
  self = false,
): NetlinkMessage {
  return vlanMessage(LinkMessage.set, link, ranges, self);
}

/** Equivalent to: bridge vlan del dev NAME vid FIRST-LAST [self]. */
export function removeVlans(
  link: { index: number; name: string },
  ranges: readonly VlanRange[],
  self = false,
): NetlinkMessage {
  return vlanMessage(LinkMessage.delete, link, ranges, self);
}

/** A dump of the VLANs of all ports; readPortVlans selects one port's. */
export function listVlans(): NetlinkMessage {
  const body = new BodyWriter().raw(linkHeader(0, 0, 0, AF_BRIDGE));
  return {
    type: LinkMessage.get,
    flags: Flag.request,
    body: body.u32(LinkAttribute.extendedMask, VLANS_COMPRESSED).finish(),
    purpose: "list the VLANs of the bridge ports",
  };
}

/** One port's VLANs from the answer to listVlans. */
export function readPortVlans(bodies: readonly Uint8Array[], index: number): VlanRange[] {
  const body = bodies.find((each) => new DataView(each.buffer, each.byteOffset).getInt32(4, true) === index);
  const specific =
    body === undefined ? undefined : new Attributes(body, 16).bytes(LinkAttribute.familySpecific);
  const ranges: VlanRange[] = [];
  let first = 0;
  for (const { type, value } of specific === undefined ? [] : readAttributes(specific)) {
    if (type !== VLAN_INFO) continue;
    const view = new DataView(value.buffer, value.byteOffset, value.length);
    const flags = view.getUint16(0, true);
    const id = view.getUint16(2, true);
    if ((flags & RANGE_BEGIN) !== 0) first = id;
    else {
      const start = (flags & RANGE_END) !== 0 ? first : id;
      ranges.push({
        first: start,
        last: id,
        pvid: (flags & VLAN_PVID) !== 0,
        untagged: (flags & VLAN_UNTAGGED) !== 0,
      });
    }
  }
  return ranges;
}
