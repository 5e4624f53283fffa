/** DEL: the address is given back. It needs no daemon: the lease's file has all that RELEASE needs. */
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { callDaemon, Unreachable } from "./client.ts";
import { socketPathOf } from "./configuration.ts";
import type { LeaseRecord } from "./lease/record.ts";
import { sendRelease } from "./lease/release.ts";
import { LeaseStore } from "./lease/store.ts";
import { Method } from "./rpc/wire.ts";

/** The daemon may have had another path to the namespace (-hostprefix). */
function seenFrom(record: LeaseRecord, path: string): LeaseRecord {
  if (path === "") return record;
  const { place } = record;
  return { ...record, place: { ...place, namespace: { ...place.namespace, path } } };
}

export function del(request: Request): void {
  const path = socketPathOf(request.configuration);
  try {
    callDaemon(request, path, Method.release);
  } catch (thrown) {
    if (!(thrown instanceof Unreachable)) throw thrown;
    const owner = attachmentOf(request);
    const store = new LeaseStore(path);
    const record = store.find(owner);
    if (record !== undefined) sendRelease(seenFrom(record, request.netns));
    store.remove(owner);
  }
}
