/** The host's end of the container's veth pair: what is limited. */
import { requireChainedLink } from "../../shared/attachment/chained-link.ts";
import { drift, RECREATE } from "../../shared/attachment/check.ts";
import type { Container } from "../../shared/cni/container.ts";
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { findLinkByIndex, type Link } from "../../shared/netlink/link.ts";

/** The other end, if it is on this host. */
export function findHostEnd(host: NetlinkConnection, inside: Link): Link | undefined {
  if (inside.kind !== "veth" || inside.peer === 0) return undefined;
  const end = findLinkByIndex(host, inside.peer);
  return end?.kind === "veth" && end.peer === inside.index ? end : undefined;
}

/** The same for ADD and CHECK. It must be in the result. Throws codes 7 and 999. */
export function requireHostEnd(
  { command, ifname }: Request,
  container: Container,
  host: NetlinkConnection,
  { interfaces }: Result,
): Link {
  const inside = requireChainedLink(container, ifname, "bandwidth");
  const end = findHostEnd(host, inside);
  if (end !== undefined && interfaces.some(({ name, sandbox = "" }) => name === end.name && sandbox === ""))
    return end;
  if (command === "CHECK") throw drift(`the host's end of ${ifname} is not the one in prevResult`, RECREATE);
  const message = `no host interface found for ${quote(ifname)}: bandwidth limits veth pairs with an end on the host`;
  const advice =
    inside.kind === "veth"
      ? "prevResult must have the host's end of the pair, without a sandbox: put bandwidth after bridge or ptp"
      : `it is of the kind ${inside.kind || "of a physical device"}: remove bandwidth from this network`;
  throw new CniError(ErrorCode.invalidConfiguration, message, advice);
}
