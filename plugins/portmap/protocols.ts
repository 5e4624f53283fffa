/** The transport protocols that ports are forwarded of. */
import type { TransportProtocol } from "./adaptor.ts";

export const transportProtocols: readonly TransportProtocol[] = ["tcp", "udp", "sctp"];

/** IPPROTO_*: include/uapi/linux/in.h. */
export const protocolNumbers: Readonly<Record<TransportProtocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** The protocol of a number; undefined if it is none of these. */
export function protocolOf(number: number | undefined): TransportProtocol | undefined {
  return transportProtocols.find((name) => protocolNumbers[name] === number);
}
