/** What a site and the worker inside it say to each other. */
import type { Attachment, Network } from "../../test/helpers/index.ts";

export type Verb = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS" | "VERSION";

/** What the worker is started with, as its only argument. */
export interface WorkerSetup {
  /** The folder with the executables. */
  readonly folder: string;
  readonly network: Network;
  /** A folder for what goes into the plugins and comes out, best in memory. */
  readonly scratch: string;
}

export type WorkerRequest =
  | { readonly kind: "measure"; readonly verb: Verb; readonly attachment: Attachment }
  | { readonly kind: "attach"; readonly attachments: readonly Attachment[]; readonly width: number };

/** What a process has used, and the children that it waited for. */
export interface Cost {
  /** Milliseconds, from before its start to after its end. */
  readonly wall: number;
  /** Milliseconds of CPU time. */
  readonly cpu: number;
  /** Page faults that the kernel served without reading from a disk. */
  readonly faults: number;
  /** The most memory that one process had at once, in bytes; at least what the worker has. */
  readonly memory: number;
}

/** What was asked for: a cost for each plugin, in the order of their calls; none of calls that are not measured. */
export interface Answer {
  readonly costs: readonly Cost[];
  /** What went wrong, if anything did. */
  readonly failure?: string;
}

/** The cost of calls that follow each other. */
export const sumOf = (costs: readonly Cost[]): Cost =>
  costs.reduce((sum, { wall, cpu, faults, memory }) => ({
    wall: sum.wall + wall,
    cpu: sum.cpu + cpu,
    faults: sum.faults + faults,
    memory: Math.max(sum.memory, memory),
  }));
