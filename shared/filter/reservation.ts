/** What only one record can have: a port of the host, an address of a network. Pure. */
import { shortName } from "../cni/attachment.ts";
import { formatIp } from "../ip/address.ts";
import { sha512 } from "../system/hash.ts";
import type { FilterRecord, HostPort } from "./record.ts";

export interface Reservation {
  /** The name of a file. */
  readonly name: string;
  /** Absent: an address. */
  readonly port?: HostPort;
}

export function portReservation({ protocol, family, hostIp, hostPort }: HostPort): string {
  return `${protocol}-${hostIp === undefined ? `any${family}` : formatIp(hostIp)}-${hostPort}`;
}

/**
 * The reservations of a record. IPAM gives an address of a network to one container at a time, so an earlier record that has
 * the address is of a container that is gone.
 */
export function reservationsOf(record: FilterRecord): Reservation[] {
  const { owner, kind, addresses = record.masquerade?.addresses ?? [], hostPorts } = record;
  // By the short name: that of a record which was recovered from the kernel is cut.
  const network = sha512(shortName(owner.network)).slice(0, 12);
  return [
    ...(hostPorts?.mappings ?? []).map((port) => ({ name: portReservation(port), port })),
    ...[...addresses, ...(hostPorts?.targets ?? [])].map(({ address }) => ({
      name: `address-${kind}-${network}-${formatIp(address)}`,
    })),
  ];
}
