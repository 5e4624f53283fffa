/**
 * Ethernet frames with IPv4 and UDP around DHCP messages (RFC 791, 768), made and read here: an interface without an address has no
 * other way. Pure.
 */
import { type FilterStep, OFFLOAD_HEADER } from "../../../shared/system/socket.ts";

export const Port = { server: 67, client: 68 } as const;

export const ETHERTYPE_IPV4 = 0x0800;
const UDP = 17;
const ETHERNET_HEADER = 14;
const IP_HEADER = 20;
const UDP_HEADER = 8;

export const BROADCAST_MAC: Uint8Array = new Uint8Array([255, 255, 255, 255, 255, 255]);
export const BROADCAST_IP = 0xffffffff;

/** Instructions of classic filters: linux/bpf_common.h. */
const Step = { halfword: 0x28, byte: 0x30, indexed: 0x48, header: 0xb1, equal: 0x15, bits: 0x45, end: 0x06 };

/** Passes IPv4 and UDP to the client's port, in one fragment. The rest stays in the kernel: an interface may be busy. */
export const clientFilter: readonly FilterStep[] = [
  { code: Step.halfword, k: 12 },
  { code: Step.equal, k: ETHERTYPE_IPV4, jf: 8 },
  { code: Step.byte, k: 23 },
  { code: Step.equal, k: UDP, jf: 6 },
  { code: Step.halfword, k: 20 },
  // More fragments, or not the first one.
  { code: Step.bits, k: 0x3fff, jt: 4 },
  { code: Step.header, k: ETHERNET_HEADER },
  { code: Step.indexed, k: ETHERNET_HEADER + 2 },
  { code: Step.equal, k: Port.client, jf: 1 },
  { code: Step.end, k: 0xffff },
  { code: Step.end, k: 0 },
];

/** The sum of 16-bit words in network order; an odd last byte counts as the upper half. */
function sumWords(view: DataView, start: number, end: number): number {
  let sum = 0;
  for (let at = start; at + 1 < end; at += 2) sum += view.getUint16(at);
  return (end - start) % 2 === 0 ? sum : sum + view.getUint8(end - 1) * 256;
}

/** The Internet checksum of a sum (RFC 1071). */
function checksumOf(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

/** UDP's sum begins with a pseudo header: both addresses, protocol and length. `ip`: where the IP header begins. */
const sumUdp = (view: DataView, ip: number, udp: number, length: number): number =>
  sumWords(view, ip + 12, ip + 20) + UDP + length + sumWords(view, udp, udp + length);

export interface Envelope {
  readonly sourceMac: Uint8Array;
  readonly targetMac: Uint8Array;
  /** IPv4 addresses as numbers. */
  readonly source: number;
  readonly target: number;
}

/** A frame from the client's port to the server's, behind an empty OFFLOAD_HEADER. */
export function writeFrame(
  { sourceMac, targetMac, source, target }: Envelope,
  payload: Uint8Array,
): Uint8Array {
  const ip = OFFLOAD_HEADER + ETHERNET_HEADER;
  const udp = ip + IP_HEADER;
  const bytes = new Uint8Array(udp + UDP_HEADER + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set(targetMac, OFFLOAD_HEADER);
  bytes.set(sourceMac, OFFLOAD_HEADER + 6);
  view.setUint16(OFFLOAD_HEADER + 12, ETHERTYPE_IPV4);
  // Version 4, five words of header.
  view.setUint8(ip, 0x45);
  view.setUint16(ip + 2, bytes.length - ip);
  const TIME_TO_LIVE = 64;
  view.setUint8(ip + 8, TIME_TO_LIVE);
  view.setUint8(ip + 9, UDP);
  view.setUint32(ip + 12, source);
  view.setUint32(ip + 16, target);
  view.setUint16(ip + 10, checksumOf(sumWords(view, ip, udp)));
  const length = UDP_HEADER + payload.length;
  view.setUint16(udp, Port.client);
  view.setUint16(udp + 2, Port.server);
  view.setUint16(udp + 4, length);
  bytes.set(payload, udp + UDP_HEADER);
  // 0 would say that there is no checksum.
  view.setUint16(udp + 6, checksumOf(sumUdp(view, ip, udp, length)) || 0xffff);
  return bytes;
}

export interface Received {
  readonly sourceMac: Uint8Array;
  /** IPv4 address as a number. */
  readonly source: number;
  readonly payload: Uint8Array;
}

/** Flags of struct virtio_net_hdr: the sender's kernel left the sum to the hardware, or the hardware has checked it. */
const SUM_IS_DUE = 1;
const SUM_IS_VALID = 2;

/** Reads a frame behind its OFFLOAD_HEADER. Returns a text that says what is wrong with it. The payload is a copy. */
export function readFrame(bytes: Uint8Array): Received | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const ip = OFFLOAD_HEADER + ETHERNET_HEADER;
  if (bytes.length < ip + IP_HEADER) return "a frame is too short for IPv4";
  const header = (view.getUint8(ip) & 0xf) * 4;
  const total = view.getUint16(ip + 2);
  const udp = ip + header;
  // A short frame is padded, so the frame may be longer than the packet.
  if (
    view.getUint8(ip) >> 4 !== 4 ||
    header < IP_HEADER ||
    total < header + UDP_HEADER ||
    ip + total > bytes.length
  )
    return "a packet's IPv4 lengths do not fit";
  if (checksumOf(sumWords(view, ip, udp)) !== 0) return "a packet's IPv4 checksum is wrong";
  const length = view.getUint16(udp + 4);
  if (length < UDP_HEADER || length > total - header) return "a packet's UDP length does not fit";
  const isSummed = view.getUint16(udp + 6) !== 0 && (view.getUint8(0) & (SUM_IS_DUE | SUM_IS_VALID)) === 0;
  if (isSummed && checksumOf(sumUdp(view, ip, udp, length)) !== 0) return "a packet's UDP checksum is wrong";
  return {
    sourceMac: bytes.slice(OFFLOAD_HEADER + 6, OFFLOAD_HEADER + 12),
    source: view.getUint32(ip + 12),
    payload: bytes.slice(udp + UDP_HEADER, udp + length),
  };
}
