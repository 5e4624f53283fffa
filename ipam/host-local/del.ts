/** DEL: releases an attachment's addresses. Without any, DEL succeeds and writes nothing. */
import type { Request } from "../../shared/cni/plugin.ts";
import { lockLimit } from "../../shared/system/folder-lock.ts";
import { storeAdvice, withAdvice } from "./advice.ts";
import { readStoreLocation } from "./configuration.ts";
import { Store } from "./store.ts";

export function del({ containerId, ifname, configuration, environment }: Request): void {
  const location = readStoreLocation(configuration);
  withAdvice(storeAdvice(location.dataDir), () => {
    const store = Store.open(location, lockLimit(environment));
    try {
      // Old reservations name only the container.
      const record = store?.find({ containerId, ifname }) ?? store?.find({ containerId, ifname: "" });
      if (record !== undefined) store?.releaseAll(record);
    } finally {
      store?.close();
    }
  });
}
