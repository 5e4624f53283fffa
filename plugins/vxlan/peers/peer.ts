/** The other nodes of the overlay, and what a source of them must do. */
import { CniError, ErrorCode } from "../../../shared/cni/error.ts";
import type { Fields } from "../../../shared/cni/fields.ts";
import { formatIp, type IpAddress } from "../../../shared/ip/address.ts";
import type { Cidr } from "../../../shared/ip/cidr.ts";

/** An interface on a remote node that is known beforehand: a pod's, or a router's. */
export interface Endpoint {
  /** Lower case. */
  readonly mac: string;
  readonly addresses: readonly IpAddress[];
}

export interface Peer {
  /** For errors. */
  readonly name: string | undefined;
  /** The outer address that it sends from and receives at (VTEP: VXLAN tunnel end point, RFC 7348). */
  readonly vtep: IpAddress;
  /** Of its VXLAN device: the given one, or the one derived from the address. Lower case. */
  readonly mac: string;
  /** The networks of its pods (l3). */
  readonly subnets: readonly Cidr[];
  /** What is known to be behind it (l2). */
  readonly endpoints: readonly Endpoint[];
  /** Its place in the list. */
  readonly position: number;
}

/** Where peers come from. They are data: what becomes of them on the node is the same for every source. */
export interface PeerSource {
  /** One of the addresses, to find the underlay by; undefined while there are no peers. Cheap. */
  firstVtep(discovery: Fields): IpAddress | undefined;
  /** All peers. Throws codes 6 and 7, or 11 when the source cannot be reached. */
  read(discovery: Fields): readonly Peer[];
}

/** Where a peer stands in the configuration. */
export const placeOf = ({ position }: Peer): string => `discovery.peers[${position}]`;

/** An error about one peer, with code 7. */
export function invalidPeer(peer: Peer, problem: string, advice: string): CniError {
  const { name = formatIp(peer.vtep) } = peer;
  const label = name === "" ? "" : ` (${name})`;
  return new CniError(ErrorCode.invalidConfiguration, `"${placeOf(peer)}"${label} ${problem}`, advice);
}
