/** The networks whose packets are measured. */
import type { Network } from "../../../test/helpers/index.ts";
import { masqueraded, network, portmap, ptp } from "../networks.ts";

export interface PacketSubject {
  readonly name: string;
  readonly network: Network;
  readonly isReference: boolean;
}

/** The wanted ratio of the rate of connections with many attachments to the rate with one. */
export const flatGoal = 0.95;

// A ptp link for each container: a bridge would add the cost of a thousand ports.
const chain = (backend: "iptables" | "nftables"): Network =>
  network(masqueraded(ptp, backend), portmap(backend));

export const packetSubjects: readonly PacketSubject[] = [
  { name: "ours, iptables", network: chain("iptables"), isReference: false },
  { name: "ours, nftables", network: chain("nftables"), isReference: false },
  { name: "reference, iptables", network: chain("iptables"), isReference: true },
];
