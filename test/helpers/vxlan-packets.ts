/** Captured frames taken apart, by the formats of RFC 791, 768, 8200 and 7348. */
import type { Frame } from "./capture.ts";

export interface Encapsulated {
  readonly family: 4 | 6;
  readonly source: string;
  readonly destination: string;
  readonly ttl: number;
  readonly isDf: boolean;
  readonly sourcePort: number;
  readonly port: number;
  readonly checksum: number;
  /** The first byte of the VXLAN header. */
  readonly flags: number;
  /** The bytes that RFC 7348 reserves, which must be zero. */
  readonly reserved: number;
  readonly vni: number;
  /** The outer frame. */
  readonly frame: Frame;
  /** The frame inside. */
  readonly inner: Frame;
}

const text4 = (bytes: Buffer) => [...bytes].join(".");

/** As the kernel prints it, for the addresses of these tests: groups, the longest run of zeros left out. */
function text6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16)).join(":");
  return groups.replace(/(^|:)0(:0)+(:|$)/, "::");
}

/** What is in a frame that carries VXLAN over UDP. */
export function decapsulate(frame: Frame): Encapsulated {
  const family = frame.readUInt16BE(12) === 0x0800 ? 4 : 6;
  const ip = frame.subarray(14);
  const udp = ip.subarray(family === 4 ? 20 : 40);
  const addresses =
    family === 4
      ? { source: text4(ip.subarray(12, 16)), destination: text4(ip.subarray(16, 20)) }
      : { source: text6(ip.subarray(8, 24)), destination: text6(ip.subarray(24, 40)) };
  return {
    family,
    ...addresses,
    ttl: family === 4 ? ip.readUInt8(8) : ip.readUInt8(7),
    isDf: family === 4 && (ip.readUInt8(6) & 0x40) !== 0,
    sourcePort: udp.readUInt16BE(0),
    port: udp.readUInt16BE(2),
    checksum: udp.readUInt16BE(6),
    flags: udp.readUInt8(8),
    reserved: udp.readUIntBE(9, 3) + udp.readUInt8(15),
    vni: udp.readUIntBE(12, 3),
    frame,
    inner: udp.subarray(16),
  };
}

export const decapsulateAll = (frames: readonly Frame[]): Encapsulated[] => frames.map(decapsulate);

export const etherType = (frame: Frame): number => frame.readUInt16BE(12);
export const ARP = 0x0806;

/** Source and destination of an inner IPv4 packet. */
export const innerAddresses = ({ inner }: Encapsulated): [string, string] => [
  text4(inner.subarray(26, 30)),
  text4(inner.subarray(30, 34)),
];
