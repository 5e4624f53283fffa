/** DEL: the interface leaves the VRF device, which goes with its last one. */
import { findChainedLink } from "../../shared/attachment/chained-link.ts";
import { whileTablesLocked } from "../../shared/attachment/routing-tables.ts";
import { type Container, openContainerIfPresent } from "../../shared/cni/container.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { findLink, type Link } from "../../shared/netlink/link.ts";
import { vrfTableOf } from "../../shared/netlink/vrf.ts";
import { removeDeviceIfUnused } from "./device.ts";
import { belongingsOf, MAIN_TABLE, rehome } from "./rehome.ts";

/** The device, as far as its name can be read: a wrong key must not keep DEL from its work. */
function deviceOf({ configuration }: Request, { netlink }: Container): Link | undefined {
  const name = configuration.fields.value("vrfname");
  if (typeof name !== "string" || name === "") return undefined;
  const link = findLink(netlink, name);
  return link?.kind === "vrf" ? link : undefined;
}

function leave(request: Request, container: Container, device: Link): void {
  const link = findChainedLink(request, container);
  if (link === "other") return;
  const wasJoined = link !== "gone" && link.master === device.index;
  if (wasJoined) {
    const has = belongingsOf(container, link, vrfTableOf(device) ?? MAIN_TABLE);
    rehome(container, link, has, { master: 0, table: MAIN_TABLE });
  }
  removeDeviceIfUnused(container, device, attachmentOf(request), wasJoined);
}

export function del(request: Request): void {
  const container = openContainerIfPresent(request);
  if (container === undefined) return;
  try {
    const device = deviceOf(request, container);
    if (device === undefined) return;
    whileTablesLocked(container, request, true, () => leave(request, container, device));
  } finally {
    container.close();
  }
}
