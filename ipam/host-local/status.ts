/**
 * STATUS: checks whether an ADD would get an address. Every failure has code 50 (no new containers): running
 * containers keep their addresses, so code 51 (limited connectivity of containers) would be wrong.
 */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { lock, lockLimit, unlock } from "../../shared/system/folder-lock.ts";
import { asStatus, statusLimit } from "../../shared/system/lock-status.ts";
import { writeProblem } from "../../shared/system/writable.ts";
import { storeAdvice, withAdvice } from "./advice.ts";
import { type HostLocalConfiguration, readHostLocal } from "./configuration.ts";
import { readDnsFile } from "./dns.ts";
import { exhausted } from "./exhaustion.ts";
import { NetworkFolder } from "./folder.ts";
import type { RangeSet } from "./range.ts";
import { releaseGone, search } from "./search.ts";
import { Store } from "./store.ts";

function checkWritable({ dataDir, network }: HostLocalConfiguration): void {
  const problem = writeProblem(`${dataDir}/${network}`);
  if (problem === undefined) return;
  throw new CniError(
    ErrorCode.notAvailable,
    `no address can be reserved: ${problem}`,
    `make room or mount it writable, or set "ipam.dataDir" to another folder`,
  );
}

/** Throws code 50 if another process works on the addresses for long. */
function checkFolderLock({ environment }: Request, { dataDir, network }: HostLocalConfiguration): void {
  const descriptor = asStatus(() => lock(`${dataDir}/${network}`, statusLimit(lockLimit(environment))));
  if (descriptor !== undefined) unlock(descriptor);
}

/** The index of the first set without a free address, or -1. */
function findExhausted(folder: NetworkFolder, sets: readonly RangeSet[]): number {
  return sets.findIndex((set, index) => {
    const last = folder.lastReserved(index);
    return search(folder, set, last, (name) => !folder.has(name)) === undefined;
  });
}

/** Releases what an ADD would release: reservations from before the boot, and of namespaces that are gone. */
function releaseUnused(request: Request, configuration: HostLocalConfiguration): void {
  const store = Store.open(configuration, lockLimit(request.environment));
  try {
    if (store !== undefined) releaseGone(store);
  } finally {
    store?.close();
  }
}

export function status(request: Request): void {
  const configuration = readHostLocal(request.configuration, true);
  const { dataDir, network, sets, resolvConf } = configuration;
  readDnsFile(resolvConf);
  withAdvice(storeAdvice(dataDir), () => {
    checkWritable(configuration);
    checkFolderLock(request, configuration);
    const folder = new NetworkFolder(`${dataDir}/${network}`);
    if (findExhausted(folder, sets) < 0) return;
    releaseUnused(request, configuration);
    const index = findExhausted(folder, sets);
    const set = sets[index];
    if (set !== undefined) throw exhausted(folder, set, index, ErrorCode.notAvailable);
  });
}
