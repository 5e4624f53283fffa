/** Takes back what ADDs that failed have changed on a bridge that no container uses. */
import { parseCidr } from "../../shared/ip/cidr.ts";
import { addAddress, deleteAddress } from "../../shared/netlink/address.ts";
import { removeVlans, setVlanFiltering } from "../../shared/netlink/bridge.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { deleteLink, findLink, type Link, setLink } from "../../shared/netlink/link.ts";
import type { NetlinkMessage } from "../../shared/netlink/message.ts";
import { Errno } from "../../shared/system/errno.ts";
import { setSysctlIfPresent } from "../../shared/system/sysctl.ts";
import type { BridgeChange, Journal } from "./journal.ts";

const addressMessages = (
  texts: readonly string[],
  message: (cidr: NonNullable<ReturnType<typeof parseCidr>>) => NetlinkMessage,
): NetlinkMessage[] => texts.flatMap((text) => parseCidr(text) ?? []).map(message);

function takeBackOne(netlink: NetlinkConnection, bridge: Link, change: BridgeChange): void {
  const { index, name } = bridge;
  switch (change.kind) {
    case "bridge":
      // The MAC address proves that it is the one which was made.
      if (bridge.mac === change.made) netlink.attempt(deleteLink({ index }), Errno.ENODEV);
      break;
    case "settings": {
      const { alias, isUp, isPromiscuous, acceptRa } = change.before;
      netlink.transact([setLink({ index }, { alias, up: isUp, promiscuous: isPromiscuous })]);
      if (acceptRa !== undefined) setSysctlIfPresent(`ipv6/conf/${name}/accept_ra`, acceptRa);
      break;
    }
    case "vlan-filtering":
      netlink.transact([setVlanFiltering(bridge, false)]);
      break;
    case "gateway-device": {
      const range = { first: change.vlan, last: change.vlan, pvid: false, untagged: false };
      netlink.transact([deleteLink({ name: change.device }), removeVlans(bridge, [range], true)]);
      break;
    }
    case "ipv6":
      setSysctlIfPresent(`ipv6/conf/${change.device}/disable_ipv6`, "1");
      break;
    default:
      netlink.transact([
        ...addressMessages(change.added, (cidr) => deleteAddress(change.device, cidr)),
        ...addressMessages(change.removed, (cidr) =>
          addAddress(change.device, cidr, { detectDuplicates: false }),
        ),
      ]);
  }
}

/** Takes all changes of a journal back, the last one first. What is gone already is fine. */
export function takeBack(netlink: NetlinkConnection, name: string, { changes }: Journal): void {
  for (const change of [...changes].reverse()) {
    const bridge = findLink(netlink, name);
    if (bridge?.kind !== "bridge") return;
    takeBackOne(netlink, bridge, change);
  }
}
