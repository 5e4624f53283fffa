/** IPPROTO_*: include/uapi/linux/in.h. */
import type { TransportProtocol } from "./adaptor.ts";

export const protocolNumbers: Readonly<Record<TransportProtocol, number>> = { tcp: 6, udp: 17, sctp: 132 };
