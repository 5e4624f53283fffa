/** The error for a range set without a free address, for ADD and STATUS. */
import { CniError } from "../../shared/cni/error.ts";
import { parseIp } from "../../shared/ip/address.ts";
import type { NetworkFolder } from "./folder.ts";
import { capacity, describeSet, isAllowed, type RangeSet } from "./range.ts";
import { parseReservation } from "./records.ts";

/** The reserved addresses of a set. */
function usedOf(folder: NetworkFolder, set: RangeSet): string[] {
  return folder.names().filter((name) => {
    const address = parseIp(name);
    return address !== undefined && isAllowed(set, address);
  });
}

function describeOldest(folder: NetworkFolder, names: readonly string[]): string {
  let oldest: { text: string; modified: bigint } | undefined;
  for (const name of names) {
    const file = folder.read(name);
    if (file === undefined || (oldest !== undefined && file.modified >= oldest.modified)) continue;
    const owner = parseReservation(file.text)?.containerId ?? "an unknown owner";
    const since = new Date(Number(file.modified / 1_000_000n)).toISOString();
    oldest = {
      text: `the oldest reservation is ${name}, since ${since}, of ${owner}; `,
      modified: file.modified,
    };
  }
  return oldest?.text ?? "";
}

/** ADD uses code 11 (try again later), since the next DEL frees an address; STATUS uses code 50. */
export function exhausted(folder: NetworkFolder, set: RangeSet, index: number, code: number): CniError {
  const used = usedOf(folder, set);
  const total = capacity(set);
  return new CniError(
    code,
    `failed to allocate for range ${index}: no IP addresses available in range set: ${describeSet(set)}: ${used.length} of ${total} used`,
    `${describeOldest(folder, used)}delete attachments or widen the range; if containers are gone but their reservations remain, run GC`,
  );
}
