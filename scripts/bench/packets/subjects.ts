/** Whose packets are measured. */
import type { Network } from "../../../test/helpers/index.ts";
import { masqueraded, network, portmap, ptp } from "../networks.ts";

export interface PacketSubject {
  readonly name: string;
  readonly network: Network;
  readonly isReference: boolean;
}

/** The least rate of connections with many attachments that is wanted, as a ratio to the rate with one. */
export const flatGoal = 0.95;

// A link of its own for each container: a thousand ports of one bridge would be measured along.
const chain = (backend: "iptables" | "nftables"): Network =>
  network(masqueraded(ptp, backend), portmap(backend));

export const packetSubjects: readonly PacketSubject[] = [
  { name: "ours, iptables", network: chain("iptables"), isReference: false },
  { name: "ours, nftables", network: chain("nftables"), isReference: false },
  { name: "reference, iptables", network: chain("iptables"), isReference: true },
];
