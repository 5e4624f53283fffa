/**
 * A table of networks by prefix length. A search takes one step for each length in the table, which are two or three,
 * for any number of networks.
 */
import { bitsOf, type Family, type IpKey, ipKey } from "./address.ts";
import type { Cidr } from "./cidr.ts";

/** The networks of one prefix length by their first address. */
interface Level<Item> {
  readonly prefixLength: number;
  readonly mask: bigint;
  readonly items: Map<IpKey, Item>;
}

export class CidrTable<Item> {
  /** Sorted by prefix length, the widest networks first. */
  private readonly levels: Readonly<Record<Family, Level<Item>[]>> = { 4: [], 6: [] };

  private level(family: Family, prefixLength: number): Level<Item> {
    const levels = this.levels[family];
    const at = levels.findIndex((level) => level.prefixLength >= prefixLength);
    const present = levels[at];
    if (present?.prefixLength === prefixLength) return present;
    const mask = -1n << BigInt(bitsOf(family) - prefixLength);
    const level = { prefixLength, mask, items: new Map<IpKey, Item>() };
    levels.splice(at < 0 ? levels.length : at, 0, level);
    return level;
  }

  /** Adds a network without host bits. Returns the former item of the same network, which stays. */
  add({ address, prefixLength }: Cidr, item: Item): Item | undefined {
    const { items } = this.level(address.family, prefixLength);
    const key = ipKey(address);
    const present = items.get(key);
    if (present === undefined) items.set(key, item);
    return present;
  }

  /** The item of the widest network that contains this one: wider networks only, or also the same. */
  findHolder({ address, prefixLength }: Cidr, which: "wider" | "same or wider"): Item | undefined {
    const { family, value } = address;
    for (const level of this.levels[family]) {
      if (level.prefixLength > prefixLength || (which === "wider" && level.prefixLength === prefixLength))
        break;
      const item = level.items.get(ipKey({ family, value: value & level.mask }));
      if (item !== undefined) return item;
    }
    return undefined;
  }
}

/**
 * Finds two items whose networks overlap: the wider one, then the other. The networks have no host bits. Undefined if
 * no two do.
 */
export function findOverlap<Item>(
  items: readonly Item[],
  cidrOf: (item: Item) => Cidr,
): readonly [Item, Item] | undefined {
  const table = new CidrTable<Item>();
  for (const item of items) {
    const same = table.add(cidrOf(item), item);
    if (same !== undefined) return [same, item];
  }
  for (const item of items) {
    const wider = table.findHolder(cidrOf(item), "wider");
    if (wider !== undefined) return [wider, item];
  }
  return undefined;
}
