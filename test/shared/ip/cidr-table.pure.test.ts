import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bitsOf, type Family, ipKey } from "../../../shared/ip/address.ts";
import {
  type Cidr,
  formatCidr,
  isSameCidr,
  networkOf,
  overlaps,
  parseCidr,
} from "../../../shared/ip/cidr.ts";
import { CidrTable, findOverlap } from "../../../shared/ip/cidr-table.ts";

/** Networks that often have something in common: few of the bits of an address vary. */
const network = (family: Family): fc.Arbitrary<Cidr> =>
  fc
    .tuple(fc.nat({ max: 7 }), fc.nat({ max: 7 }), fc.nat({ max: bitsOf(family) }))
    .map(([high, low, prefixLength]) => {
      const value = (BigInt(high) << BigInt(bitsOf(family) - 3)) | BigInt(low);
      return networkOf({ address: { family, value }, prefixLength });
    });
const networks = fc.array(fc.oneof(network(4), network(6)), { maxLength: 8 });

const isInside = (inner: Cidr, outer: Cidr) =>
  inner.prefixLength >= outer.prefixLength && overlaps(inner, outer);

const cidr = (text: string) => parseCidr(text) as Cidr;
const texts = (pair: readonly [Cidr, Cidr] | undefined) => pair?.map(formatCidr);

describe("a table of networks", () => {
  test("finds the widest one that holds a network", () => {
    fc.assert(
      fc.property(networks, network(4), network(6), (entered, ...asked) => {
        const table = new CidrTable<Cidr>();
        for (const each of entered) table.add(each, each);
        for (const one of [...asked, ...entered]) {
          const holders = entered.filter((each) => isInside(one, each));
          const wider = holders.filter((each) => !isSameCidr(each, one));
          const lengthOf = (found: Cidr | undefined) => found?.prefixLength;
          const least = (found: readonly Cidr[]) =>
            found.length === 0 ? undefined : Math.min(...found.map((each) => each.prefixLength));
          expect(lengthOf(table.findHolder(one, "same or wider"))).toBe(least(holders));
          expect(lengthOf(table.findHolder(one, "wider"))).toBe(least(wider));
        }
      }),
    );
  });

  test("keeps the first item of a network, and returns it", () => {
    const table = new CidrTable<string>();
    expect(table.add(cidr("10.0.0.0/8"), "first")).toBeUndefined();
    expect(table.add(cidr("10.0.0.0/8"), "second")).toBe("first");
    expect(table.findHolder(cidr("10.1.0.0/16"), "wider")).toBe("first");
  });
});

describe("two networks that overlap", () => {
  test("are found where there are any", () => {
    fc.assert(
      fc.property(networks, (list) => {
        const found = findOverlap(list, (each) => each);
        const isClean = list.every((one, index) =>
          list.slice(0, index).every((other) => !overlaps(one, other)),
        );
        expect(found === undefined).toBe(isClean);
        if (found !== undefined) expect(isInside(found[1], found[0])).toBe(true);
      }),
    );
  });

  test("are returned with the wider one first, of the same ones the first", () => {
    const find = (...list: string[]) => texts(findOverlap(list.map(cidr), (each) => each));
    expect(find("10.1.0.0/24", "10.0.0.0/8")).toEqual(["10.0.0.0/8", "10.1.0.0/24"]);
    expect(find("10.1.0.0/24", "fd00::/8", "10.2.0.0/24")).toBeUndefined();
    const [one, other] = [{ network: cidr("10.1.0.0/24") }, { network: cidr("10.1.0.0/24") }];
    const found = findOverlap([one, other], ({ network: each }) => each);
    expect(found?.[0]).toBe(one);
    expect(found?.[1]).toBe(other);
  });
});

test("no two addresses have the same key in a Map", () => {
  const address = fc.oneof(
    fc.bigInt(0n, 300n).map((value) => ({ family: 4 as const, value })),
    fc.bigInt(0n, 300n).map((value) => ({ family: 6 as const, value })),
  );
  fc.assert(
    fc.property(address, address, (one, other) => {
      const isSame = one.family === other.family && one.value === other.value;
      expect(ipKey(one) === ipKey(other)).toBe(isSame);
    }),
  );
});
