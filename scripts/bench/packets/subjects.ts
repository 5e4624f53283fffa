/** Whose packets are measured. */
import { distBin, type Network, referenceBin } from "../../../test/helpers/index.ts";
import { masqueraded, network, portmap, ptp } from "../networks.ts";

export interface PacketSubject {
  readonly name: string;
  readonly folder: string;
  readonly network: Network;
  readonly isReference: boolean;
}

/** The least rate of connections with many attachments that is wanted, as a ratio to the rate with one. */
export const flatGoal = 0.95;

// A link of its own for each container: a thousand ports of one bridge would be measured along.
const chain = (backend: "iptables" | "nftables"): Network =>
  network(masqueraded(ptp, backend), portmap(backend));

export const packetSubjects: readonly PacketSubject[] = [
  { name: "ours, iptables", folder: distBin, network: chain("iptables"), isReference: false },
  { name: "ours, nftables", folder: distBin, network: chain("nftables"), isReference: false },
  { name: "reference, iptables", folder: referenceBin, network: chain("iptables"), isReference: true },
];
