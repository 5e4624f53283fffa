/** DEL: releases what an attachment holds. Nothing held is fine, and then nothing is written. */
import type { Request } from "../../shared/cni/plugin.ts";
import { lockLimit } from "../../shared/system/folder-lock.ts";
import { readPlace } from "./configuration.ts";
import { storeAdvice, withAdvice } from "./faults.ts";
import { Store } from "./store.ts";

export function del({ containerId, ifname, configuration, environment }: Request): void {
  const place = readPlace(configuration);
  withAdvice(storeAdvice(place.dataDir), () => {
    const store = Store.open(place, lockLimit(environment));
    try {
      // A reservation that names only the container was made before interfaces were written down.
      const record = store?.find({ containerId, ifname }) ?? store?.find({ containerId, ifname: "" });
      if (record !== undefined) store?.releaseAll(record);
    } finally {
      store?.close();
    }
  });
}
