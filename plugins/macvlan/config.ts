/** The configuration of macvlan, and what its attachments own. */
import { checkResultHasAddress } from "../../shared/attachment/bare.ts";
import { containerMac } from "../../shared/attachment/mac.ts";
import { readMaster } from "../../shared/attachment/master.ts";
import { readMtu } from "../../shared/attachment/mtu.ts";
import { readRequestedMac } from "../../shared/attachment/requested-mac.ts";
import type { SubInterface } from "../../shared/attachment/sub-interface.ts";
import { readMode } from "../../shared/attachment/sub-interface-mode.ts";
import { attachmentOf, type Owned, type Request } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { MacvlanMode, writeMacvlan } from "../../shared/netlink/macvlan.ts";
import { explain } from "./explain.ts";
import type { macvlanKeys } from "./schema.ts";

export const KIND = "macvlan";
export const owned: Owned = { link: { place: "container", kind: KIND }, isFiltered: false };

export interface MacvlanConfig extends SubInterface {
  /** MACVLAN_MODE_*. */
  readonly mode: number;
}

function readQueueLength(keys: Keyed<typeof macvlanKeys>): number {
  const length = keys.integer("bcqueuelen") ?? 0;
  if (length >= 0 && length <= 0xffffffff) return length;
  throw keys.invalid("bcqueuelen", `is ${length}`, "give a number of packets, or 0 for the kernel's default");
}

/** Reads the configuration. Throws codes 4, 6 and 7. */
export function readMacvlanConfig(request: Request): MacvlanConfig {
  const { fields } = request.configuration;
  const keys: Keyed<typeof macvlanKeys> = fields;
  const mode = readMode(fields, KIND, MacvlanMode, "bridge");
  const queueLength = readQueueLength(keys);
  const wanted = readRequestedMac(request, keys.text("mac"));
  checkResultHasAddress(request);
  // In the mode passthru the interface has the master's own address; another one would change the master's.
  const derive = mode !== MacvlanMode.passthru;
  return {
    kind: KIND,
    mode,
    master: readMaster(fields),
    mtu: readMtu(fields, "the master's"),
    data: (writer) => writeMacvlan(writer, { mode, queueLength }),
    mac: (addresses) => wanted ?? (derive ? containerMac(attachmentOf(request), addresses) : undefined),
    explain,
  };
}
