/** The peers (other nodes) of the overlay, and the contract of a source of peers. */
import { CniError, ErrorCode } from "../../../shared/cni/error.ts";
import type { Fields } from "../../../shared/cni/fields.ts";
import { formatIp, type IpAddress } from "../../../shared/ip/address.ts";
import type { Cidr } from "../../../shared/ip/cidr.ts";

/** A known interface behind a remote node: a pod's or a router's. */
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
  /** The MAC address of its VXLAN device, given or derived from the outer address. Lower case. */
  readonly mac: string;
  /** The pod subnets of the peer (l3). */
  readonly subnets: readonly Cidr[];
  /** The known interfaces behind it (l2). */
  readonly endpoints: readonly Endpoint[];
  /** Its position in the list. */
  readonly position: number;
}

/** A source of peers. All sources return the same data. */
export interface PeerSource {
  /** One peer's outer address, which finds the underlay; undefined without peers. Cheap. */
  firstVtep(discovery: Fields): IpAddress | undefined;
  /** All peers. Throws codes 6 and 7, or 11 if the source cannot be reached. */
  read(discovery: Fields): readonly Peer[];
}

/** The peer's path in the configuration. */
export const pathOfPeer = ({ position }: Peer): string => `discovery.peers[${position}]`;

/** An error about one peer, with code 7. */
export function invalidPeer(peer: Peer, problem: string, advice: string): CniError {
  const { name = formatIp(peer.vtep) } = peer;
  const label = name === "" ? "" : ` (${name})`;
  return new CniError(ErrorCode.invalidConfiguration, `"${pathOfPeer(peer)}"${label} ${problem}`, advice);
}
