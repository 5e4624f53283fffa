/** What is measured, and what we want to come out. */
import type { Network } from "../../test/helpers/index.ts";
import { type Backend, bridge, hostLocal, masqueraded, network, portmap, ptp } from "./networks.ts";

export interface Case {
  readonly name: string;
  /** The plugins that are called for an attachment, one after the other: a figure is the sum of their calls. */
  readonly network: Network;
  /** What the reference runs in place of what the configuration asks for. */
  readonly referenceRuns?: Backend;
  /** Ratios to the reference that are wanted, by verb: with nothing held, and with many attachments held. */
  readonly goals: Readonly<Partial<Record<"ADD" | "DEL", readonly [empty?: number, held?: number]>>>;
}

/** Our own cost with many attachments held, as a ratio to our cost with none. */
export const growthGoal = 1.15;

export const cases: readonly Case[] = [
  { name: "bridge", network: network(bridge), goals: { ADD: [0.8, 0.8] } },
  {
    name: "bridge+ipMasq",
    network: network(masqueraded(bridge)),
    goals: { ADD: [0.45, 0.45], DEL: [0.4, 0.4] },
  },
  {
    name: "bridge+ipMasq+nftables",
    network: network(masqueraded(bridge, "nftables")),
    referenceRuns: "iptables",
    goals: { ADD: [0.2, 0.2] },
  },
  { name: "ptp+ipMasq", network: network(masqueraded(ptp)), goals: { ADD: [0.45, 0.45] } },
  {
    name: "bridge+ipMasq+portmap",
    network: network(masqueraded(bridge, "iptables"), portmap("iptables")),
    goals: { ADD: [0.35, 0.35], DEL: [0.35, 0.35] },
  },
  {
    name: "bridge+ipMasq+portmap+nftables",
    network: network(masqueraded(bridge, "nftables"), portmap("nftables")),
    referenceRuns: "iptables",
    goals: { ADD: [0.2, 0.2] },
  },
  { name: "host-local", network: network(hostLocal), goals: { ADD: [1.4, 0.5], DEL: [1.4, 0.5] } },
];
