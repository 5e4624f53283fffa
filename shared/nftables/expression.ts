/**
 * The expressions a rule is made of: include/uapi/linux/netfilter/nf_tables.h. A rule is a small program: loads
 * fill registers, comparisons and lookups end it where they do not match, the verdict stands at the end.
 */
import type { BodyWriter } from "../netlink/body-writer.ts";

/** One step of a rule: the kernel's name for it, and its attributes. */
export interface Expression {
  readonly name: string;
  readonly write: (data: BodyWriter) => void;
}

/**
 * The register at a byte offset into the 64 bytes a rule may use. A set's concatenated key lies side by side, each
 * field on the next multiple of four bytes. A multiple of 16 has an older name that every kernel knows.
 */
export function registerAt(offset: number): number {
  const NFT_REG_1 = 1;
  const NFT_REG32_00 = 8;
  return offset % 16 === 0 ? NFT_REG_1 + offset / 16 : NFT_REG32_00 + offset / 4;
}

/** enum nft_meta_keys. */
export const Meta = {
  mark: 3,
  iifname: 6,
  oifname: 7,
  protocolFamily: 15,
  transportProtocol: 16,
  /** As rtnetlink names it; a rule ends where the interface has none. */
  iifkind: 26,
} as const;

/** enum nft_payload_bases. */
export const Header = { link: 0, network: 1, transport: 2 } as const;

/** enum nft_cmp_ops. */
export const Comparison = { equal: 0, notEqual: 1 } as const;

/** enum nf_inet_verdicts and nft_verdicts. */
export const Verdict = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const;

/** What a rule or a verdict map's element decides; `chain` with jump and goto only. */
export interface VerdictData {
  readonly code: number;
  readonly chain?: string;
}

const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;

/** A value as it stands in a register, a key or an element: NFTA_DATA_VALUE. */
export function writeValue(writer: BodyWriter, type: number, value: Uint8Array): void {
  writer.nested(type, (data) => data.bytes(NFTA_DATA_VALUE, value));
}

export function writeVerdict(writer: BodyWriter, type: number, verdict: VerdictData): void {
  const NFTA_VERDICT_CODE = 1;
  const NFTA_VERDICT_CHAIN = 2;
  writer.nested(type, (data) =>
    data.nested(NFTA_DATA_VERDICT, (inner) => {
      inner.u32be(NFTA_VERDICT_CODE, verdict.code);
      if (verdict.chain !== undefined) inner.text(NFTA_VERDICT_CHAIN, verdict.chain);
    }),
  );
}

/** Loads what is known of the packet beside its bytes. */
export function loadMeta(key: number, register: number): Expression {
  return { name: "meta", write: (data) => data.u32be(2, key).u32be(1, register) };
}

/** Loads bytes of the packet. */
export function loadPayload(header: number, offset: number, length: number, register: number): Expression {
  return {
    name: "payload",
    write: (data) => data.u32be(1, register).u32be(2, header).u32be(3, offset).u32be(4, length),
  };
}

/** Goes on only if the register compares so with the value. */
export function compare(register: number, comparison: number, value: Uint8Array): Expression {
  return {
    name: "cmp",
    write: (data) => writeValue(data.u32be(1, register).u32be(2, comparison), 3, value),
  };
}

/** Keeps the bits of the register that are set in the mask, and flips those that are set in `flip`. */
export function maskBits(
  register: number,
  mask: Uint8Array,
  flip: Uint8Array = new Uint8Array(mask.length),
): Expression {
  return {
    name: "bitwise",
    write: (data) => {
      data.u32be(1, register).u32be(2, register).u32be(3, mask.length);
      writeValue(data, 4, mask);
      writeValue(data, 5, flip);
    },
  };
}

/** Writes the register to what is known of the packet: its mark. */
export function storeMeta(key: number, register: number): Expression {
  return { name: "meta", write: (data) => data.u32be(2, key).u32be(3, register) };
}

/** Loads the kind of the destination address (RTN_LOCAL and so on, in this machine's byte order). */
export function loadDestinationKind(register: number): Expression {
  const NFT_FIB_RESULT_ADDRTYPE = 3;
  const NFTA_FIB_F_DADDR = 2;
  return {
    name: "fib",
    write: (data) => data.u32be(1, register).u32be(2, NFT_FIB_RESULT_ADDRTYPE).u32be(3, NFTA_FIB_F_DADDR),
  };
}

/**
 * Loads the number of the interface that the packet came by, or 0 if the source address is not routed to it. For the hook
 * prerouting; others have it since Linux 5.19.
 */
export function loadReverseInterface(register: number): Expression {
  const NFT_FIB_RESULT_OIF = 1;
  const NFTA_FIB_F_SADDR = 1;
  const NFTA_FIB_F_IIF = 8;
  return {
    name: "fib",
    write: (data) =>
      data
        .u32be(1, register)
        .u32be(2, NFT_FIB_RESULT_OIF)
        .u32be(3, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF),
  };
}

/** Loads the place of an IPv6 fragment and its flags, 13 and 3 bits (RFC 8200, section 4.5). Ends the rule for other packets. */
export function loadFragmentPlace(register: number): Expression {
  const NEXTHDR_FRAGMENT = 44;
  return {
    name: "exthdr",
    write: (data) => data.u32be(1, register).u8(2, NEXTHDR_FRAGMENT).u32be(3, 2).u32be(4, 2),
  };
}

/** Loads the direction of a packet in its connection, one byte: 0 as the first packet, 1 as its answer. */
export function loadDirection(register: number): Expression {
  const NFT_CT_DIRECTION = 1;
  return { name: "ct", write: (data) => data.u32be(1, register).u32be(2, NFT_CT_DIRECTION) };
}

/** Goes on only with packets of connections that are established, or related to one: `-m conntrack --ctstate RELATED,ESTABLISHED`. */
export function matchAnswers(register: number): Expression[] {
  const NFT_CT_STATE = 0;
  // NF_CT_STATE_BIT of IP_CT_ESTABLISHED and IP_CT_RELATED, in this machine's byte order.
  const bits = new Uint8Array([2 + 4, 0, 0, 0]);
  return [
    { name: "ct", write: (data) => data.u32be(1, register).u32be(2, NFT_CT_STATE) },
    maskBits(register, bits),
    compare(register, Comparison.notEqual, new Uint8Array(4)),
  ];
}

/** Goes on only with packets of connections whose destination the host has translated: `--ctstate DNAT`. */
export function matchTranslated(register: number): Expression[] {
  const NFT_CT_STATUS = 2;
  const IPS_DST_NAT = new Uint8Array([1 << 5, 0, 0, 0]);
  return [
    { name: "ct", write: (data) => data.u32be(1, register).u32be(2, NFT_CT_STATUS) },
    maskBits(register, IPS_DST_NAT),
    compare(register, Comparison.notEqual, new Uint8Array(4)),
  ];
}

/** Goes on only with packets whose mark has the bit, by the match of iptables (nft_compat): struct xt_mark_mtinfo1, padded as XT_ALIGN does. */
export function matchMarkAsIptables(markBit: number): Expression {
  const info = new Uint8Array(16);
  const view = new DataView(info.buffer);
  for (const at of [0, 4]) view.setUint32(at, 2 ** markBit, true);
  const REVISION = 1;
  return { name: "match", write: (data) => data.text(1, "mark").u32be(2, REVISION).bytes(3, info) };
}

/** Keeps connection tracking, and with it NAT, from the packet. */
export function notrack(): Expression {
  return { name: "notrack", write: () => {} };
}

/** Goes on only if the key that begins at the register is in the set; `inverted`: is not. */
export function lookup(set: string, register: number, inverted = false): Expression {
  const NFT_LOOKUP_F_INV = 1;
  return {
    name: "lookup",
    write: (data) => {
      data.text(1, set).u32be(2, register);
      if (inverted) data.u32be(5, NFT_LOOKUP_F_INV);
    },
  };
}

/** Goes on only if the key that begins at the register is in the map; loads its value there. */
export function lookupValue(map: string, register: number): Expression {
  return { name: "lookup", write: (data) => data.text(1, map).u32be(2, register).u32be(3, register) };
}

/** Gives the connection the address of this node as its source, and a random port. */
export function masquerade(): Expression {
  // Or two connections that pick the same port at the same time lose a packet.
  const NF_NAT_RANGE_PROTO_RANDOM_FULLY = 1 << 4;
  return { name: "masq", write: (data) => data.u32be(1, NF_NAT_RANGE_PROTO_RANDOM_FULLY) };
}

/** Gives the connection the destination address and port in the two registers. */
export function translateDestination(family: number, address: number, port: number): Expression {
  const NFT_NAT_DNAT = 1;
  const NF_NAT_RANGE_MAP_IPS_AND_PORTS = 3;
  return {
    name: "nat",
    write: (data) =>
      data
        .u32be(1, NFT_NAT_DNAT)
        .u32be(2, family)
        .u32be(3, address)
        .u32be(4, address)
        .u32be(5, port)
        .u32be(6, port)
        .u32be(7, NF_NAT_RANGE_MAP_IPS_AND_PORTS),
  };
}

/** Counts the packets that came this far. */
export function counter(): Expression {
  return { name: "counter", write: () => {} };
}

/** The rule's decision. */
export function decide(verdict: VerdictData): Expression {
  const NFT_REG_VERDICT = 0;
  return {
    name: "immediate",
    write: (data) => writeVerdict(data.u32be(1, NFT_REG_VERDICT), 2, verdict),
  };
}
