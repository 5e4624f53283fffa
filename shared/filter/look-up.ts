/** What the kernel has in the places of a record's elements. */
import { joinFields, type KernelElement } from "../nftables/element.ts";
import { findElements } from "../nftables/query.ts";
import type { FilterContext } from "./kernel.ts";
import { bridgeTable, inetTable, type PlacedElement } from "./structure.ts";

export interface Found {
  readonly placed: PlacedElement;
  readonly kernel: KernelElement | undefined;
}

/** The elements beside what the kernel has in their places. */
export function lookUp({ connection }: FilterContext, elements: readonly PlacedElement[]): Found[] {
  return [inetTable, bridgeTable].flatMap((table) => {
    const own = elements.filter((placed) => placed.table === table);
    const found = findElements(
      connection,
      table,
      own.map(({ set, element }) => ({ set, key: element.key })),
    );
    return own.map((placed, at) => ({ placed, kernel: found[at] }));
  });
}

export const isOwn = ({ placed, kernel }: Found): boolean => kernel?.comment === placed.element.comment;

/** Whether the kernel has the element as it should be: the owner's, and leading to the same place. */
export function isRight(found: Found): boolean {
  const { value } = found.placed.element;
  if (!isOwn(found)) return false;
  return value === undefined || String(found.kernel?.value) === String(joinFields(value));
}
