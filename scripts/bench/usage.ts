/** What processes have used, as the kernel counts it: struct rusage (getrusage(2)). */
import { call } from "../../shared/system/libc.ts";

/** The bytes of the structure. */
export const USAGE_SIZE = 144;

export interface Usage {
  /** Milliseconds of CPU time, of the program's own code and of the kernel for it. */
  readonly user: number;
  readonly system: number;
  /** Page faults that the kernel served without reading from a disk. */
  readonly faults: number;
  /** The most memory at once, in bytes. */
  readonly memory: number;
}

/** The structure's fields have 64 bits; low halves are enough. */
export function readUsage(usage: Uint8Array): Usage {
  const halves = new Uint32Array(usage.buffer);
  const at = (field: number): number => halves[2 * field] ?? 0;
  const milliseconds = (field: number): number => at(field) * 1000 + at(field + 1) / 1000;
  return { user: milliseconds(0), system: milliseconds(2), memory: at(4) * 1024, faults: at(8) };
}

/** What this process has used until now. */
export function ownUsage(): Usage {
  const usage = new Uint8Array(USAGE_SIZE);
  call("getrusage", "this process", 0, usage);
  return readUsage(usage);
}
