/** VXLAN devices: IFLA_VXLAN_* of include/uapi/linux/if_link.h; the protocol is RFC 7348. */
import { type Family, formatIp, fromBytes, type IpAddress, toBytes } from "../ip/address.ts";
import { BodyWriter } from "./body-writer.ts";
import { type Link, LinkAttribute, LinkInfo, LinkMessage, linkHeader } from "./link.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

const ID = 1;
const LINK = 3;
const TTL = 5;
const LEARNING = 7;
const AGEING = 8;
const PORT_RANGE = 10;
const PORT = 15;
const UDP_CHECKSUM = 18;
const ZERO_CHECKSUM6_SEND = 19;
const ZERO_CHECKSUM6_RECEIVE = 20;
const COLLECT_METADATA = 25;
const DONT_FRAGMENT = 29;
const GROUP: Readonly<Record<Family, number>> = { 4: 2, 6: 16 };
const LOCAL: Readonly<Record<Family, number>> = { 4: 4, 6: 17 };

/** enum ifla_vxlan_df: the DF bit of the outer IPv4 header. */
export const DontFragment = { unset: 0, set: 1, inherit: 2 } as const;

/** VXLAN_VID_MASK: a VNI has 24 bits. */
export const HIGHEST_VNI = 0xffffff;

/** The growth of a frame: outer IPv4 or IPv6, UDP and VXLAN header, and the inner Ethernet header. */
export const overheadOf: Readonly<Record<Family, number>> = { 4: 50, 6: 70 };

export interface Vxlan {
  readonly vni: number;
  /** The UDP destination port. */
  readonly port: number;
  /** The outer source address, in the underlay's address family. */
  readonly local: IpAddress;
  /** The multicast group for flooded frames, and the index of its outgoing link; 0 for none. */
  readonly group: IpAddress | undefined;
  readonly link: number;
  /** 0 for the kernel's default (64; 1 to a multicast group). */
  readonly ttl: number;
  /** One of DontFragment. */
  readonly df: number;
  readonly learning: boolean;
  /** The age in seconds at which the kernel removes a learned address. */
  readonly ageing: number;
  /** First and last UDP source port. */
  readonly sourcePorts: readonly [number, number];
  readonly checksum: boolean;
}

/** A device in the kernel; `local` may be missing if another program made it. */
export interface KernelVxlan extends Omit<Vxlan, "local"> {
  readonly local: IpAddress | undefined;
  /** True if the device receives all VNIs of its port: Open vSwitch and some CNI plugins use that. */
  readonly collectsMetadata: boolean;
}

function portRange([low, high]: readonly [number, number]): Uint8Array {
  return new Uint8Array([low >> 8, low & 0xff, high >> 8, high & 0xff]);
}

/** The attributes that can change without recreating the device. */
function writeLive(data: BodyWriter, vxlan: Vxlan): void {
  const { local, ttl, df, learning, ageing } = vxlan;
  data.bytes(LOCAL[local.family], toBytes(local)).u8(TTL, ttl).u8(LEARNING, Number(learning));
  data.u32(AGEING, ageing);
  if (local.family === 4) data.u8(DONT_FRAGMENT, df);
}

function writeFixed(data: BodyWriter, vxlan: Vxlan): void {
  const { vni, port, group, link, sourcePorts, checksum, local } = vxlan;
  data.u32(ID, vni).u16be(PORT, port).bytes(PORT_RANGE, portRange(sourcePorts));
  if (group !== undefined) data.bytes(GROUP[group.family], toBytes(group));
  if (link !== 0) data.u32(LINK, link);
  if (local.family === 4) data.u8(UDP_CHECKSUM, Number(checksum));
  else data.u8(ZERO_CHECKSUM6_SEND, Number(!checksum)).u8(ZERO_CHECKSUM6_RECEIVE, Number(!checksum));
}

export interface NewVxlan extends Vxlan {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly mtu: number;
}

/**
 * Equivalent to: ip link add NAME address MAC mtu MTU type vxlan id VNI dstport PORT local ADDRESS ... With the MAC
 * address in the message, the kernel marks it as set, and udev's MACAddressPolicy keeps it.
 */
export function newVxlan(vxlan: NewVxlan): NetlinkMessage {
  const body = new BodyWriter()
    .raw(linkHeader(0))
    .text(LinkAttribute.name, vxlan.name)
    .bytes(LinkAttribute.address, vxlan.mac)
    .u32(LinkAttribute.mtu, vxlan.mtu)
    .nested(LinkAttribute.linkInfo, (info) =>
      info.text(LinkInfo.kind, "vxlan").nested(LinkInfo.data, (data) => {
        writeFixed(data, vxlan);
        writeLive(data, vxlan);
      }),
    );
  return {
    type: LinkMessage.new,
    flags: Flag.request | Flag.ack | Flag.create | Flag.exclusive,
    body: body.finish(),
    purpose: `create the VXLAN device ${vxlan.name}`,
  };
}

/** Equivalent to: ip link set dev NAME type vxlan id VNI local ADDRESS ttl ... */
export function changeVxlan(link: { index: number; name: string }, vxlan: Vxlan): NetlinkMessage {
  const body = new BodyWriter()
    .raw(linkHeader(link.index))
    .nested(LinkAttribute.linkInfo, (info) =>
      info
        .text(LinkInfo.kind, "vxlan")
        .nested(LinkInfo.data, (data) => writeLive(data.u32(ID, vxlan.vni), vxlan)),
    );
  return {
    type: LinkMessage.new,
    flags: Flag.request | Flag.ack,
    body: body.finish(),
    purpose: `change the VXLAN device ${link.name} (local ${formatIp(vxlan.local)})`,
  };
}

/**
 * A request that the kernel always refuses: with ERANGE if it supports VXLAN (the VNI has too many bits), else with
 * EOPNOTSUPP. The request loads the module, as the first device would.
 */
export function probeVxlan(): NetlinkMessage {
  const body = new BodyWriter()
    .raw(linkHeader(0))
    .nested(LinkAttribute.linkInfo, (info) =>
      info.text(LinkInfo.kind, "vxlan").nested(LinkInfo.data, (data) => data.u32(ID, HIGHEST_VNI + 1)),
    );
  const flags = Flag.request | Flag.ack | Flag.create | Flag.exclusive;
  return { type: LinkMessage.new, flags, body: body.finish(), purpose: "ask the kernel for VXLAN" };
}

/** The settings of a device of kind "vxlan". */
export function readVxlan({ data }: Link): KernelVxlan {
  const address = (types: Readonly<Record<Family, number>>): IpAddress | undefined => {
    const bytes = data.bytes(types[4]) ?? data.bytes(types[6]);
    return bytes === undefined ? undefined : fromBytes(bytes);
  };
  const range = data.bytes(PORT_RANGE) ?? new Uint8Array(4);
  const at = (index: number) => ((range[index] ?? 0) << 8) | (range[index + 1] ?? 0);
  const local = address(LOCAL);
  const hasChecksum = data.u8(UDP_CHECKSUM) === 1;
  const hasChecksum6 = data.u8(ZERO_CHECKSUM6_SEND) !== 1;
  const port = data.u16(PORT) ?? 0;
  return {
    vni: data.u32(ID) ?? 0,
    // In network byte order.
    port: ((port & 0xff) << 8) | (port >> 8),
    local,
    group: address(GROUP),
    link: data.u32(LINK) ?? 0,
    ttl: data.u8(TTL) ?? 0,
    df: data.u8(DONT_FRAGMENT) ?? DontFragment.unset,
    learning: data.u8(LEARNING) === 1,
    ageing: data.u32(AGEING) ?? 0,
    sourcePorts: [at(0), at(2)],
    checksum: local?.family === 6 ? hasChecksum6 : hasChecksum,
    collectsMetadata: data.u8(COLLECT_METADATA) === 1,
  };
}
