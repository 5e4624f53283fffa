/** An empty store although containers live: it was removed. Their reservations are made again, before their addresses are given away. */
import { livingAttachments } from "../../shared/attachment/living.ts";
import { formatIp } from "../../shared/ip/address.ts";
import type { RangeSet } from "./range.ts";
import { rangeOf } from "./range.ts";
import { parseReservation, type Reservation, reservationText } from "./records.ts";
import type { Store } from "./store.ts";

/** Asks the kernel only if the index did not count and the store has no reservation, as before a network's first container. */
export function restoreLiving(store: Store, network: string, sets: readonly RangeSet[]): void {
  if (!store.isFoundEmpty) return;
  for (const { owner, addresses } of livingAttachments(network)) {
    // A cut name is no owner of a reservation.
    if (parseReservation(reservationText(owner)) === undefined) continue;
    const reservations: Reservation[] = [];
    for (const address of addresses) {
      if (!sets.some((set) => rangeOf(set, address) !== undefined)) continue;
      const reservation = store.take(formatIp(address), owner);
      if (reservation !== undefined) reservations.push(reservation);
    }
    const { containerId, ifname } = owner;
    if (reservations.length > 0) store.save({ containerId, ifname, boot: store.boot, reservations });
  }
}
