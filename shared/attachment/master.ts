/** The device below an interface: the key `master` of macvlan, ipvlan and vlan. */
import type { Container } from "../cni/container.ts";
import { CniError, ErrorCode, quote } from "../cni/error.ts";
import type { Fields } from "../cni/fields.ts";
import { interfaceNameProblem } from "../cni/names.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { findLink, type Link } from "../netlink/link.ts";
import { findUplink } from "./uplink.ts";

export interface Master {
  /** Undefined: the interface with the default route. */
  readonly name: string | undefined;
  /** It is looked for in the container's namespace, not on the host (linkInContainer). */
  readonly isInContainer: boolean;
}

/** Reads `master` and `linkInContainer`. Throws codes 6 and 7. */
export function readMaster(fields: Fields): Master {
  const isInContainer = fields.boolean("linkInContainer") ?? false;
  const name = fields.text("master") ?? "";
  if (name === "") return { name: undefined, isInContainer };
  const fault = interfaceNameProblem(name);
  if (fault !== undefined) throw fields.invalid("master", `is not an interface name: ${quote(name)}`, fault);
  return { name, isInContainer };
}

const placeOf = ({ isInContainer }: Master) => (isInContainer ? "in the container" : "on this node");

function missing(master: Master, code: number): CniError {
  if (master.name !== undefined) {
    const message = `the master ${quote(master.name)} does not exist ${placeOf(master)}`;
    const advice = master.isInContainer
      ? "another network of the container must make it before; without linkInContainer the node's interface is used"
      : `"master" names an interface of the node: ip link shows them`;
    return new CniError(code, message, advice);
  }
  const message = `no default route interface found ${placeOf(master)}, and the configuration names no "master"`;
  return new CniError(code, message, `set "master" to the interface to use`);
}

/** The master. Throws `code` if it is not there. `netlink` is a connection in its namespace. */
export function findMaster(
  netlink: NetlinkConnection,
  master: Master,
  code: number = ErrorCode.internal,
): Link {
  const link = master.name === undefined ? findUplink(netlink) : findLink(netlink, master.name);
  if (link === undefined) throw missing(master, code);
  if (!link.isLoopback) return link;
  const message = `the master ${quote(link.name)} is a loopback interface`;
  throw new CniError(ErrorCode.invalidConfiguration, message, `"master" must name another interface`);
}

/** The connection in whose namespace the master is. */
export const masterSide = ({ isInContainer }: Master, host: NetlinkConnection, container: Container) =>
  isInContainer ? container.netlink : host;

/** Throws code 7 for an MTU above the master's, which the kernel refuses or which loses packets. */
export function checkMtu(mtu: number | undefined, master: Link): void {
  if (mtu === undefined || mtu <= master.mtu) return;
  const message = `invalid MTU ${mtu}, must be [0, master MTU(${master.mtu})]`;
  const advice = `lower "mtu", or raise that of the master: ip link set ${master.name} mtu ${mtu}`;
  throw new CniError(ErrorCode.invalidConfiguration, message, advice);
}
