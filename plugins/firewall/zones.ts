/** The sources that records have in zones of firewalld. */
import type { Wanted } from "../../shared/filter/choice.ts";
import type { FilterRecord } from "../../shared/filter/record.ts";
import { isSameIp } from "../../shared/ip/address.ts";
import type { Firewalld } from "./firewalld.ts";

/** Removes the sources of records, but for those that `next` wants in the same zone. */
export function leaveZones(firewalld: Firewalld, records: readonly FilterRecord[], next?: Wanted): void {
  for (const { firewall, addresses = [] } of records) {
    const zone = firewall?.zone;
    if (zone === undefined) continue;
    const isKept = (address: (typeof addresses)[number]) =>
      next?.firewall?.zone === zone &&
      next.addresses?.some((each) => isSameIp(each.address, address.address)) === true;
    firewalld.remove(
      zone,
      addresses.filter((address) => !isKept(address)),
    );
  }
}
