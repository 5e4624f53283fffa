/** What the kernel's refusals mean (net/8021q/vlan.c, vlan_dev.c). */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { NetlinkError } from "../../shared/netlink/error.ts";
import type { Link } from "../../shared/netlink/link.ts";
import { Errno } from "../../shared/system/errno.ts";

export function explain(refused: NetlinkError, master: Link, id: number): CniError | undefined {
  if (refused.errno === Errno.EEXIST) {
    const message = `the VLAN ${id} of ${master.name} has an interface already`;
    const advice = `a VLAN of a device has one interface, here or in a container: delete it, use another "vlanId", or macvlan on top of it`;
    return new CniError(ErrorCode.internal, message, advice, refused);
  }
  if (refused.errno !== Errno.ENETDOWN) return undefined;
  const message = `the master ${master.name} is down, so the VLAN ${id} cannot be up`;
  return new CniError(ErrorCode.tryAgainLater, message, `run: ip link set ${master.name} up`, refused);
}
