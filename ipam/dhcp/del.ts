/** DEL: the address is given back. It needs no daemon: the lease's file has all that RELEASE needs. */
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { callDaemon, Unreachable } from "./client.ts";
import { socketPathOf } from "./configuration.ts";
import { sendRelease } from "./lease/release.ts";
import { LeaseStore } from "./lease/store.ts";
import { Method } from "./rpc/wire.ts";

export function del(request: Request): void {
  const path = socketPathOf(request.configuration);
  try {
    callDaemon(request, path, Method.release);
  } catch (thrown) {
    if (!(thrown instanceof Unreachable)) throw thrown;
    const owner = attachmentOf(request);
    const store = new LeaseStore(path);
    const record = store.find(owner);
    if (record !== undefined) sendRelease(record);
    store.remove(owner);
  }
}
