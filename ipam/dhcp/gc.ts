/** GC: leases of attachments that are not in the list are given back, with or without the daemon. */
import { runAll } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { LIST_TIME } from "../../shared/cni/valid-attachments.ts";
import { callDaemon, Unreachable } from "./client.ts";
import { socketPathOf } from "./configuration.ts";
import { isKept, keptBy } from "./lease/kept.ts";
import { sendRelease } from "./lease/release.ts";
import { LeaseStore } from "./lease/store.ts";
import { Method } from "./rpc/wire.ts";

export function gc(request: Request): void {
  const { configuration, environment } = request;
  const kept = keptBy(configuration, environment[LIST_TIME] ?? "");
  const path = socketPathOf(configuration);
  try {
    // The reference plugin's daemon lacks the method: it drops a lease when its interface is gone.
    callDaemon(request, path, Method.collect);
  } catch (thrown) {
    if (!(thrown instanceof Unreachable)) throw thrown;
    const store = new LeaseStore(path);
    const garbage = store.readAll().filter((record) => !isKept(record, kept));
    runAll(
      garbage.map((record) => () => {
        sendRelease(record);
        store.remove(record.owner);
      }),
    );
  }
}
