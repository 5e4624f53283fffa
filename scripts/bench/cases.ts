/** The measured cases and their goals. */
import type { Network, Node } from "../../test/helpers/index.ts";
import {
  type Backend,
  bandwidth,
  bridge,
  firewall,
  hostLocal,
  macvlan,
  makeMaster,
  masqueraded,
  network,
  portmap,
  ptp,
  staticAddress,
  tuning,
} from "./networks.ts";

/** The wanted ratios to the reference: without attachments, and with many. */
type Goals = readonly [empty: number, held: number];

export interface Case {
  readonly name: string;
  /** The plugins that are called for an attachment, in order: a figure is the sum of their calls. */
  readonly network: Network;
  /** Whether only the last plugin counts: those before it give it what it needs. */
  readonly isLastAlone?: boolean;
  readonly goals: Readonly<Partial<Record<"ADD" | "DEL", Goals>>>;
  /** Makes what the plugins need on a node. */
  readonly furnish?: (node: Node) => Promise<void>;
  /** The backend that the reference uses instead, as long as it lacks the configured one. */
  readonly referenceRuns?: Backend;
  /** Our own cost with many attachments held that is wanted, as a ratio to our cost with none. Absent: it grows (iptables). */
  readonly growthGoal?: number;
  /** Whether it is measured only where it is asked for. */
  readonly isExtra?: boolean;
}

/** The wanted ratio to the reference for VERSION, which does not depend on attachments. */
export const startGoal = 0.22;

/** The memory limit of a call, in bytes. */
export const memoryGoal = 8e6;

const growthGoal = 1.2;

export const cases: readonly Case[] = [
  {
    name: "host-local",
    network: network(hostLocal),
    goals: { ADD: [0.35, 0.1], DEL: [0.35, 0.1] },
    growthGoal,
  },
  // The goals are larger: the kernel copies each broadcast to every port.
  { name: "bridge", network: network(bridge), goals: { ADD: [0.38, 0.38] }, growthGoal: 1.6 },
  {
    name: "bridge+ipMasq",
    network: network(masqueraded(bridge)),
    goals: { ADD: [0.16, 0.1], DEL: [0.3, 0.3] },
    growthGoal,
    referenceRuns: "iptables",
  },
  {
    name: "ptp+ipMasq",
    network: network(masqueraded(ptp)),
    goals: { ADD: [0.16, 0.1], DEL: [0.3, 0.3] },
    growthGoal,
    referenceRuns: "iptables",
  },
  {
    name: "bridge+ipMasq+portmap",
    network: network(masqueraded(bridge), portmap()),
    goals: { ADD: [0.22, 0.1], DEL: [0.22, 0.18] },
    growthGoal,
    referenceRuns: "iptables",
  },
  { name: "static", network: network(staticAddress), goals: { ADD: [0.4, 0.4] }, growthGoal },
  {
    name: "macvlan",
    network: network(macvlan),
    goals: { ADD: [0.5, 0.5] },
    // As of the bridge: the kernel copies each broadcast to all interfaces of the master.
    growthGoal: 1.6,
    furnish: makeMaster,
  },
  // The kernel makes an ifb device, and waits for it to go.
  {
    name: "ptp+bandwidth",
    network: network(ptp, bandwidth),
    goals: { ADD: [0.4, 0.4], DEL: [0.8, 0.8] },
    growthGoal: 1.3,
  },
  { name: "tuning", network: network(tuning), goals: { ADD: [0.5, 0.5] }, growthGoal },
  {
    name: "firewall",
    network: network(hostLocal, firewall),
    isLastAlone: true,
    goals: { ADD: [0.2, 0.15], DEL: [0.5, 0.5] },
    growthGoal,
    referenceRuns: "iptables",
  },
  // The chain of podman's and nerdctl's networks.
  {
    name: "bridge+ipMasq+portmap+firewall+tuning",
    network: network(masqueraded(bridge), portmap(), firewall, { type: "tuning" }),
    goals: { ADD: [0.2, 0.2], DEL: [0.25, 0.25] },
    growthGoal,
    referenceRuns: "iptables",
  },
  {
    name: "bridge+ipMasq+iptables",
    network: network(masqueraded(bridge, "iptables")),
    goals: {},
    isExtra: true,
  },
  {
    name: "bridge+ipMasq+portmap+iptables",
    network: network(masqueraded(bridge, "iptables"), portmap("iptables")),
    goals: {},
    isExtra: true,
  },
];
