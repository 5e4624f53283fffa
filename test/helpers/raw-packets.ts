/** Packets made byte by byte (RFC 791, 768, 8200 and 7348), and sent as a container with CAP_NET_RAW sends them. */
import { isIPv6 } from "node:net";
import type { Node } from "./node.ts";

const UDP = 17;
/** Next header: a fragment, and options for the destination (RFC 8200, section 4). */
const FRAGMENT = 44;
const OPTIONS = 60;

const u16 = (...values: number[]): Buffer =>
  Buffer.from(values.flatMap((value) => [value >> 8, value & 0xff]));

function bytesOf(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split(".").map(Number));
  const [start = "", end = ""] = address.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number(`0x${group}`)));
  const [first, last] = [groups(start), groups(end)];
  return u16(...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last);
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

export interface Ends {
  readonly source: string;
  readonly destination: string;
}

const addresses = ({ source, destination }: Ends): Buffer =>
  Buffer.concat([bytesOf(source), bytesOf(destination)]);

/** A UDP datagram with its checksum. */
export function udp(ends: Ends, sourcePort: number, port: number, payload: Buffer): Buffer {
  const length = 8 + payload.length;
  const plain = Buffer.concat([u16(sourcePort, port, length, 0), payload]);
  const padding = Buffer.alloc(length % 2);
  const sum = checksum(Buffer.concat([addresses(ends), u16(UDP, length), plain, padding]));
  plain.writeUInt16BE(sum === 0 ? 0xffff : sum, 6);
  return plain;
}

/** `place`: offset of a fragment in bytes, and whether more follow. */
export interface Place {
  readonly offset: number;
  readonly more: boolean;
}

/** An IPv4 packet with UDP, or a fragment of one. */
export function ipv4(ends: Ends, payload: Buffer, place: Place = { offset: 0, more: false }): Buffer {
  const fragment = place.offset / 8 + (place.more ? 0x2000 : 0);
  const start = u16(0x4500, 20 + payload.length, 0x1234, fragment, (64 << 8) + UDP);
  const sum = checksum(Buffer.concat([start, u16(0), addresses(ends)]));
  return Buffer.concat([start, u16(sum), addresses(ends), payload]);
}

function ipv6(ends: Ends, next: number, payload: Buffer): Buffer {
  return Buffer.concat([u16(0x6000, 0, payload.length), Buffer.from([next, 64]), addresses(ends), payload]);
}

/** IPv6 fragments of a UDP datagram, cut at these offsets. `options`: how many bytes of options stand before UDP. */
export function ipv6Fragments(ends: Ends, datagram: Buffer, cuts: readonly number[], options = 0): Buffer[] {
  // PadN (type 1) fills the options.
  const fill = [UDP, options / 8 - 1, 1, options - 4];
  const header =
    options === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from(fill), Buffer.alloc(options - 4)]);
  const whole = Buffer.concat([header, datagram]);
  const next = options === 0 ? UDP : OPTIONS;
  const starts = [0, ...cuts];
  return starts.map((offset, index) => {
    const end = starts[index + 1] ?? whole.length;
    const fragment = u16(next << 8, offset + (end < whole.length ? 1 : 0), 0x1234, 0x5678);
    return ipv6(ends, FRAGMENT, Buffer.concat([fragment, whole.subarray(offset, end)]));
  });
}

/** A frame inside VXLAN: a broadcast with UDP from one IPv4 address to another. */
export function vxlan(vni: number, inner: Ends, port: number): Buffer {
  const header = Buffer.from([8, 0, 0, 0, vni >> 16, (vni >> 8) & 0xff, vni & 0xff, 0]);
  const ethernet = Buffer.from("ffffffffffff02000000beef0800", "hex");
  return Buffer.concat([header, ethernet, ipv4(inner, udp(inner, 1234, port, Buffer.from("INJECTED")))]);
}

/** Sends whole packets from a namespace. AF_INET is 2, AF_INET6 10, SOCK_RAW 3, IPPROTO_RAW 255: raw(7), ipv6(7). */
export async function sendRaw(node: Node, packets: readonly Buffer[], netns?: string): Promise<void> {
  const script = `
    for my $line (<STDIN>) {
      chomp $line;
      my $packet = pack("H*", $line);
      my $is6 = (ord($packet) >> 4) == 6;
      socket(my $socket, $is6 ? 10 : 2, 3, 255) or die "socket: $!";
      my $to = $is6 ? pack("S n N a16 N", 10, 0, 0, substr($packet, 24, 16), 0) : pack("S n a4 x8", 2, 0, substr($packet, 16, 4));
      defined(send($socket, $packet, 0, $to)) or die "send: $!";
    }`;
  const input = packets.map((packet) => `${packet.toString("hex")}\n`).join("");
  await node.exec("perl", ["-e", script], { input, ...(netns === undefined ? {} : { netns }) });
}
