/** The addresses in the sets of masquerade: looked for, and taken out. */
import type { IpAddress } from "../../ip/address.ts";
import { fromBytes } from "../../ip/address.ts";
import type { NetlinkConnection } from "../../netlink/connection.ts";
import type { NetlinkMessage } from "../../netlink/message.ts";
import { deleteKeys, type HeldElement } from "./element.ts";
import { type AddressSet, addressKey, addressSets } from "./masquerade-rules.ts";
import { ownTable } from "./own-table.ts";
import { allElements, findElements, setsIn } from "./question.ts";

/** An address in a set. */
export interface Entry {
  readonly set: string;
  readonly address: IpAddress;
  readonly held: HeldElement;
}

/**
 * The sets there are. Asked of the kernel, and not read from the rules: where somebody took out the rules, the
 * addresses still have to be found.
 */
export function heldSets(connection: NetlinkConnection): AddressSet[] {
  return addressSets(setsIn(connection, ownTable));
}

/** Where these addresses are: one round trip. */
export function findEntries(
  connection: NetlinkConnection,
  sets: readonly AddressSet[],
  addresses: readonly IpAddress[],
): Entry[] {
  const places = addresses.flatMap((address) =>
    sets.flatMap(({ family, set }) => (family === address.family ? [{ set, address }] : [])),
  );
  const found = findElements(
    connection,
    ownTable,
    places.map(({ set, address }) => ({ set, key: addressKey(address) })),
  );
  return places.flatMap((place, index) => {
    const held = found[index];
    return held === undefined ? [] : [{ ...place, held }];
  });
}

/** All addresses: as many as there are attachments. */
export function allEntries(connection: NetlinkConnection, sets: readonly AddressSet[]): Entry[] {
  return sets.flatMap(({ set }) =>
    allElements(connection, ownTable, set).map((held) => ({ set, held, address: fromBytes(held.key) })),
  );
}

export function removeEntries(entries: readonly Entry[]): NetlinkMessage[] {
  const sets = [...new Set(entries.map(({ set }) => set))];
  return sets.flatMap((set) =>
    deleteKeys(
      ownTable,
      set,
      entries.filter((entry) => entry.set === set).map(({ held }) => held.key),
    ),
  );
}
