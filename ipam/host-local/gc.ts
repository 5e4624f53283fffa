/** GC: releases what neither the runtime nor the kernel knows any more. */

import { isAlive } from "../../shared/attachment/liveness.ts";
import { CniError, ErrorCode, runAll } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { lockLimit } from "../../shared/system/folder-lock.ts";
import { readPlace } from "./configuration.ts";
import { storeAdvice, withAdvice } from "./faults.ts";
import type { Owner, OwnerRecord } from "./records.ts";
import { Store } from "./store.ts";

type Attachments = NonNullable<Request["configuration"]["validAttachments"]>;

/** A reservation that names only a container belongs to any of its interfaces. */
function isListed(valid: Attachments, owner: Owner): boolean {
  return valid.some(
    ({ containerId, ifname }) =>
      containerId === owner.containerId && (ifname === owner.ifname || owner.ifname === ""),
  );
}

/** A runtime's list can be wrong; an address that is on its interface is in use, whatever the list says. */
function isInUse(record: OwnerRecord): boolean {
  return record.held.some(({ name }) => isAlive(record, name));
}

function readAttachments(request: Request): Attachments {
  const { validAttachments } = request.configuration;
  if (validAttachments !== undefined) return validAttachments;
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `GC needs "cni.dev/valid-attachments"`,
    "the runtime must list the attachments to keep; an empty list keeps none",
  );
}

export function gc(request: Request): void {
  const valid = readAttachments(request);
  const place = readPlace(request.configuration);
  withAdvice(storeAdvice(place.dataDir), () => {
    const store = Store.open(place, lockLimit(request.environment));
    if (store === undefined) return;
    try {
      const others = store.all().filter((record) => !isListed(valid, record));
      runAll(others.map((record) => () => isInUse(record) || store.releaseAll(record)));
    } finally {
      store.close();
    }
  });
}
