/** ADD: the interface joins the VRF device, with its addresses and routes. The result is the previous one. */
import { requireChainedLink } from "../../shared/attachment/chained-link.ts";
import { whileTablesLocked } from "../../shared/attachment/routing-tables.ts";
import { type Container, openContainer } from "../../shared/cni/container.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { findLinkByIndex, type Link } from "../../shared/netlink/link.ts";
import { Rollback } from "../../shared/rollback.ts";
import { readVrf, type VrfConfig } from "./config.ts";
import { findDevice, provideDevice } from "./device.ts";
import { belongingsOf, MAIN_TABLE, rehome } from "./rehome.ts";

/** Whether the interface is below the device already, as after an ADD that was killed. Throws code 999 for another master. */
function isJoined(container: Container, { name, master }: Link, config: VrfConfig): boolean {
  if (master === 0) return false;
  if (findDevice(container, config)?.link.index === master) return true;
  const other = findLinkByIndex(container.netlink, master)?.name ?? `number ${master}`;
  const message = `interface ${name} has already a master set: ${other}`;
  throw new CniError(
    ErrorCode.internal,
    message,
    "an interface has one master: remove vrf, or the other one",
  );
}

function join(request: Request, container: Container, config: VrfConfig): void {
  const link = requireChainedLink(container, request.ifname, "vrf");
  if (isJoined(container, link, config)) return;
  const undo = new Rollback();
  try {
    const { link: device, table } = provideDevice(container, undo, config, attachmentOf(request));
    const had = belongingsOf(container, link, MAIN_TABLE);
    undo.onFailure(() => rehome(container, link, had, { master: 0, table: MAIN_TABLE }));
    rehome(container, link, had, { master: device.index, table });
    undo.commit();
  } finally {
    undo.run();
  }
}

export function add(request: Request): Result {
  const config = readVrf(request);
  const result = requirePrevResult(request);
  const container = openContainer(request);
  try {
    whileTablesLocked(container, request, false, () => join(request, container, config));
  } finally {
    container.close();
  }
  return result;
}
