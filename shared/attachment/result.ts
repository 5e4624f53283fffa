/** Parts of the result of ADD. */
import type { Request } from "../cni/plugin.ts";
import { type Dns, isEmptyDns, type Result, type ResultInterface } from "../cni/result.ts";
import type { Link } from "../netlink/link.ts";

/** An interface in the result; in a container with the path of its namespace. */
export function describeLink(
  { name, mac, mtu }: Pick<Link, "name" | "mac" | "mtu">,
  sandbox?: string,
): ResultInterface {
  return { name, mac, mtu, ...(sandbox === undefined ? {} : { sandbox }) };
}

/** The configuration's `dns` unless it is empty, else IPAM's. */
export function chooseDns({ configuration }: Request, ipam: Result): Dns {
  return isEmptyDns(configuration.dns) ? ipam.dns : configuration.dns;
}
