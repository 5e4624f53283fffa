/** What is measured, and what we want to come out. */

export interface Case {
  readonly name: string;
  /** The executable that is called. */
  readonly plugin: string;
  readonly config: object;
  /** Ratios to the reference that are wanted, by verb: with nothing held, and with many attachments held. */
  readonly goals: Readonly<Partial<Record<"ADD" | "DEL", readonly [empty?: number, held?: number]>>>;
}

/** Our own cost with many attachments held, as a ratio to our cost with none. */
export const growthGoal = 1.15;

const ipam = {
  type: "host-local",
  ranges: [[{ subnet: "10.64.0.0/16" }]],
  routes: [{ dst: "0.0.0.0/0" }],
};

const bridge = {
  cniVersion: "1.0.0",
  name: "bench",
  type: "bridge",
  bridge: "cni0",
  isGateway: true,
  ipam,
};

export const cases: readonly Case[] = [
  { name: "bridge", plugin: "bridge", config: bridge, goals: { ADD: [0.8, 0.8] } },
  {
    name: "bridge+ipMasq",
    plugin: "bridge",
    config: { ...bridge, ipMasq: true },
    goals: { ADD: [0.45, 0.45], DEL: [0.4, 0.4] },
  },
  {
    name: "host-local",
    plugin: "host-local",
    config: { cniVersion: "1.0.0", name: "bench", type: "bridge", ipam },
    goals: { ADD: [1.4, 0.5], DEL: [1.4, 0.5] },
  },
];
