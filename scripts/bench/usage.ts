/** The resources of processes as the kernel counts them: struct rusage (getrusage(2)). */
import { call } from "../../shared/system/libc.ts";

/** The bytes of the structure. */
export const USAGE_SIZE = 144;

export interface Usage {
  /** Milliseconds of CPU time: the program's own code, and the kernel's work for it. */
  readonly user: number;
  readonly system: number;
  /** Page faults that the kernel served without reading from a disk. */
  readonly faults: number;
  /** The largest memory, in bytes. */
  readonly memory: number;
}

/** The fields have 64 bits; the low halves are enough. */
export function readUsage(usage: Uint8Array): Usage {
  const halves = new Uint32Array(usage.buffer);
  const at = (field: number): number => halves[2 * field] ?? 0;
  const milliseconds = (field: number): number => at(field) * 1000 + at(field + 1) / 1000;
  return { user: milliseconds(0), system: milliseconds(2), memory: at(4) * 1024, faults: at(8) };
}

/** The resources that this process has used so far. */
export function ownUsage(): Usage {
  const usage = new Uint8Array(USAGE_SIZE);
  call("getrusage", "this process", 0, usage);
  return readUsage(usage);
}
