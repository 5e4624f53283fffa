import fc from "fast-check";
import { IPv4CidrRange, IPv6CidrRange } from "ip-num";
import { describe, expect, test } from "vitest";
import { formatIp, type IpAddress, parseIp } from "../../../shared/ip/address.ts";
import {
  type Cidr,
  contains,
  defaultRoute,
  formatCidr,
  hostCidr,
  isSameCidr,
  lastAddress,
  networkAddress,
  networkOf,
  overlaps,
  parseCidr,
} from "../../../shared/ip/cidr.ts";

const cidr4 = fc
  .tuple(fc.bigInt(0n, 2n ** 32n - 1n), fc.integer({ min: 0, max: 32 }))
  .map(([value, prefixLength]): Cidr => ({ address: { family: 4, value }, prefixLength }));
// With the top bit set, so that none is an IPv4-mapped address.
const cidr6 = fc
  .tuple(fc.bigInt(2n ** 127n, 2n ** 128n - 1n), fc.integer({ min: 0, max: 128 }))
  .map(([value, prefixLength]): Cidr => ({ address: { family: 6, value }, prefixLength }));
const cidr = fc.oneof(cidr4, cidr6);

/** Networks that are near each other, so that they do overlap now and then. */
const near = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 24, max: 32 }))
  .map(([last, prefixLength]): Cidr => ({ address: { family: 4, value: BigInt(last) }, prefixLength }));

const rangeOf = (network: Cidr) =>
  network.address.family === 4
    ? IPv4CidrRange.fromCidr(formatCidr(network))
    : IPv6CidrRange.fromCidr(formatCidr(network));

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

describe("a network", () => {
  test("begins and ends where ip-num says", () => {
    fc.assert(
      fc.property(cidr, (network) => {
        const range = rangeOf(network);
        expect(networkAddress(network).value).toBe(BigInt(range.getFirst().getValue()));
        expect(lastAddress(network).value).toBe(BigInt(range.getLast().getValue()));
        expect(networkOf(network)).toEqual({
          address: networkAddress(network),
          prefixLength: network.prefixLength,
        });
      }),
    );
  });

  test("is read as it is written", () => {
    fc.assert(
      fc.property(cidr, (network) => {
        expect(parseCidr(formatCidr(network))).toEqual(network);
      }),
    );
  });

  test("contains its ends, and not what is beyond them", () => {
    fc.assert(
      fc.property(cidr, (network) => {
        const first = networkAddress(network);
        const last = lastAddress(network);
        expect(contains(network, first) && contains(network, last)).toBe(true);
        expect(contains(network, { ...first, value: first.value - 1n })).toBe(false);
        expect(contains(network, { ...last, value: last.value + 1n })).toBe(false);
      }),
    );
  });

  test("overlaps another one exactly if they share an address", () => {
    fc.assert(
      fc.property(near, near, (a, b) => {
        const shared = Array.from(
          { length: 512 },
          (_, value): IpAddress => ({ family: 4, value: BigInt(value) }),
        ).some((each) => contains(a, each) && contains(b, each));
        expect(overlaps(a, b)).toBe(shared);
        expect(overlaps(b, a)).toBe(shared);
      }),
    );
  });

  test("of one family has nothing in common with one of the other", () => {
    expect(overlaps(defaultRoute(4), defaultRoute(6))).toBe(false);
    expect(contains(defaultRoute(6), address("10.0.0.1"))).toBe(false);
  });

  test.each([
    "",
    "/",
    "/24",
    "10.1.0.0",
    "10.1.0.0/",
    "10.1.0.0/33",
    "10.1.0.0/-1",
    "10.1.0.0/-0",
    "10.1.0.0/08",
    "10.1.0.0/ 8",
    "10.1.0.0/8 ",
    "10.1.0.0/2.5",
    "10.1.0.0/1e1",
    "10.1.0.0/0x8",
    "10.1.0.0/NaN",
    "10.1.0.0/Infinity",
    "10.1.0.0/255.0.0.0",
    "10.1.0.0/8/8",
    "fd00::/129",
    "fd00/64",
    "::ffff:10.1.0.0/120",
  ])("is not %j", (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  test("may be a single address, or all of them", () => {
    expect(formatCidr(hostCidr(address("10.1.0.2")))).toBe("10.1.0.2/32");
    expect(formatCidr(hostCidr(address("fd00::2")))).toBe("fd00::2/128");
    expect(formatCidr(defaultRoute(4))).toBe("0.0.0.0/0");
    expect(formatCidr(defaultRoute(6))).toBe("::/0");
    expect(formatIp(lastAddress(defaultRoute(4)))).toBe("255.255.255.255");
  });

  test("is the same as another one only with the same length", () => {
    const [a, b] = [parseCidr("10.0.0.0/8"), parseCidr("10.0.0.0/9")];
    expect(a && b && isSameCidr(a, b)).toBe(false);
    expect(a && isSameCidr(a, a)).toBe(true);
  });
});
