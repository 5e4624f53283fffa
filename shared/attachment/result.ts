/** Parts of the result of ADD. */
import type { Request } from "../cni/plugin.ts";
import type { Dns, Result, ResultInterface } from "../cni/result.ts";
import type { Link } from "../netlink/link.ts";

/** An interface in the result; in a container with the path of its namespace. */
export function describeLink(
  { name, mac, mtu }: Pick<Link, "name" | "mac" | "mtu">,
  sandbox?: string,
): ResultInterface {
  return { name, mac, mtu, ...(sandbox === undefined ? {} : { sandbox }) };
}

/** The configuration's `dns`, else IPAM's. As in the reference plugin, an empty list counts and an empty domain does not. */
export function chooseDns({ configuration: { dns } }: Request, ipam: Result): Dns {
  const isGiven = [dns.nameservers, dns.search, dns.options].some((list) => list !== undefined);
  return isGiven || (dns.domain ?? "") !== "" ? dns : ipam.dns;
}
