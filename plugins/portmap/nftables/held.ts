/** The host ports in our maps, read back: whose they are and where they lead. */
import { readOwner } from "../../../shared/cni/alias.ts";
import { type Family, fromBytes, isSameIp } from "../../../shared/ip/address.ts";
import type { HeldElement } from "../../../shared/netfilter/nftables/element.ts";
import { addressTypes, ownTable } from "../../../shared/netfilter/nftables/own-table.ts";
import { allElements, setsIn } from "../../../shared/netfilter/nftables/question.ts";
import type { NetlinkConnection } from "../../../shared/netlink/connection.ts";
import type { HeldPort } from "../adaptor.ts";
import { protocolOf } from "../protocols.ts";
import { mapName, precisions } from "./profile.ts";

const families: readonly Family[] = [4, 6];

/** The fields of a key stand side by side, each in whole words of four bytes: mappingElement in elements.ts. */
function readPort({ key, value, comment }: HeldElement, family: Family): HeldPort[] {
  const { length } = addressTypes[family];
  const hasAddress = key.length > 8;
  const portAt = hasAddress ? 4 + length : 4;
  const owner = readOwner(comment);
  const protocol = protocolOf(key[0]);
  if (owner === undefined || protocol === undefined) return [];
  const target = fromBytes(value.slice(0, length));
  const port: HeldPort = {
    protocol,
    family,
    hostPort: ((key[portAt] ?? 0) << 8) | (key[portAt + 1] ?? 0),
    owner,
    isRemovable: true,
    leadsTo: (address) => isSameIp(address, target),
  };
  return [hasAddress ? { ...port, hostIp: fromBytes(key.slice(4, 4 + length)) } : port];
}

/** All ports in the maps of all profiles, also of such as no rule asks any more. */
export function heldPorts(connection: NetlinkConnection): HeldPort[] {
  const sets = setsIn(connection, ownTable).map(({ name }) => name);
  return families.flatMap((family) => {
    const starts = precisions.map((precision) => mapName(family, precision, ""));
    const maps = sets.filter((name) => starts.some((start) => name.startsWith(start)));
    return maps.flatMap((map) =>
      allElements(connection, ownTable, map).flatMap((element) => readPort(element, family)),
    );
  });
}
