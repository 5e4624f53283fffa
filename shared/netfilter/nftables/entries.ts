/** The addresses in the sets of masquerade: looked for, and taken out. */
import type { IpAddress } from "../../ip/address.ts";
import { fromBytes } from "../../ip/address.ts";
import type { NetlinkConnection } from "../../netlink/connection.ts";
import type { NetlinkMessage } from "../../netlink/message.ts";
import { deleteElements, type HeldElement } from "./element.ts";
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

/** So many keys of 16 bytes are well below the 64 KiB that an attribute can have. */
const KEYS_PER_MESSAGE = 500;

/** Takes elements out of a set. */
export function removeKeys(set: string, keys: readonly Uint8Array[]): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let start = 0; start < keys.length; start += KEYS_PER_MESSAGE) {
    const part = keys.slice(start, start + KEYS_PER_MESSAGE);
    messages.push(
      deleteElements(
        ownTable,
        set,
        part.map((key) => [key]),
      ),
    );
  }
  return messages;
}

export function removeEntries(entries: readonly Entry[]): NetlinkMessage[] {
  const sets = [...new Set(entries.map(({ set }) => set))];
  return sets.flatMap((set) =>
    removeKeys(
      set,
      entries.filter((entry) => entry.set === set).map(({ held }) => held.key),
    ),
  );
}
