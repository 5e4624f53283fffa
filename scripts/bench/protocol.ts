/** The messages between a site and its worker inside the node. */
import type { Attachment, Network } from "../../test/helpers/index.ts";

export type Verb = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS" | "VERSION";

/** The worker's only argument. */
export interface WorkerSetup {
  /** The folder with the executables. */
  readonly folder: string;
  readonly network: Network;
  /** A folder for the plugins' input and output, best in memory. */
  readonly scratch: string;
}

export type WorkerRequest =
  | { readonly kind: "measure"; readonly verb: Verb; readonly attachment: Attachment }
  | { readonly kind: "attach"; readonly attachments: readonly Attachment[]; readonly width: number };

/** The resources of a process and the children that it waited for. */
export interface Cost {
  /** Milliseconds, from before its start to after its end. */
  readonly wall: number;
  /** Milliseconds of CPU time. */
  readonly cpu: number;
  /** Page faults that the kernel served without reading from a disk. */
  readonly faults: number;
  /** The largest memory of one process, in bytes; at least the worker's. */
  readonly memory: number;
}

/** The answer: one cost per plugin, in the order of the calls; empty for unmeasured calls. */
export interface Answer {
  readonly costs: readonly Cost[];
  /** The error, if the request failed. */
  readonly failure?: string;
}

/** The total cost of consecutive calls. */
export const sumOf = (costs: readonly Cost[]): Cost =>
  costs.reduce((sum, { wall, cpu, faults, memory }) => ({
    wall: sum.wall + wall,
    cpu: sum.cpu + cpu,
    faults: sum.faults + faults,
    memory: Math.max(sum.memory, memory),
  }));
