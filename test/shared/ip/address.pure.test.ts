import fc from "fast-check";
import { IPv4, IPv6 } from "ip-num";
import { describe, expect, test } from "vitest";
import {
  addToIp,
  bitsOf,
  type Family,
  formatIp,
  fromBytes,
  type IpAddress,
  isLinkLocal,
  isSameIp,
  isUnspecified,
  parseIp,
  toBytes,
} from "../../../shared/ip/address.ts";

const ipv4 = fc.bigInt(0n, 2n ** 32n - 1n);
/** Half of them with runs of zeros, which is where the notation is hard. */
const ipv6 = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n));
const isMapped = (value: bigint) => value >> 32n === 0xffffn;

describe("an IPv4 address", () => {
  test("is read and written as ip-num does", () => {
    fc.assert(
      fc.property(ipv4, (value) => {
        const text = new IPv4(value).toString();
        expect(parseIp(text)).toEqual({ family: 4, value });
        expect(formatIp({ family: 4, value })).toBe(text);
      }),
    );
  });

  test.each([
    "",
    "1",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.",
    ".1.2.3",
    "1..2.3",
    "1.2.3.256",
    "1.2.3.999999999999",
    "01.2.3.4",
    "1.2.3.04",
    "1.2.3.4 ",
    " 1.2.3.4",
    "1.2.3.-4",
    "1.2.3.4/24",
    "1.2.3.4\0",
    "a.b.c.d",
    "1,2,3,4",
    "0x1.2.3.4",
    "٣.2.3.4",
  ])("is not %j", (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test("may be zero and may be all ones", () => {
    expect(parseIp("0.0.0.0")).toEqual({ family: 4, value: 0n });
    expect(parseIp("255.255.255.255")).toEqual({ family: 4, value: 2n ** 32n - 1n });
  });
});

describe("an IPv6 address", () => {
  test("is read as ip-num does, long and short, in any case", () => {
    fc.assert(
      fc.property(
        ipv6.filter((value) => !isMapped(value)),
        (value) => {
          const long = new IPv6(value).toString();
          const expected = { family: 6, value };
          expect(parseIp(long)).toEqual(expected);
          expect(parseIp(long.toUpperCase())).toEqual(expected);
          expect(parseIp(formatIp({ family: 6, value }))).toEqual(expected);
        },
      ),
    );
  });

  // RFC 5952, section 4.
  test.each([
    ["2001:0db8::0001", "2001:db8::1"],
    ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:DB8::A", "2001:db8::a"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["1:0:0:0:0:0:0:0", "1::"],
    ["::1.2.3.4", "::102:304"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ])("%s is written %s", (text, canonical) => {
    const address = parseIp(text);
    expect(address && formatIp(address)).toBe(canonical);
  });

  test("is written as the URL standard writes it", () => {
    fc.assert(
      fc.property(
        ipv6.filter((value) => !isMapped(value)),
        (value) => {
          const text = formatIp({ family: 6, value });
          expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
        },
      ),
    );
  });

  test("that maps an IPv4 address is that address", () => {
    expect(parseIp("::ffff:10.1.0.2")).toEqual({ family: 4, value: 0x0a010002n });
    expect(parseIp("::ffff:a01:2")).toEqual({ family: 4, value: 0x0a010002n });
  });

  test.each([
    ":",
    ":::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:",
    ":1:2:3:4:5:6:7",
    "1::2::3",
    "1:2:3:4:5:6:7::8",
    "::12345",
    "::g",
    "1.2.3.4::",
    "1.2.3.4:1::",
    "::1.2.3.4:5",
    "::1.2.3",
    "::01.2.3.4",
    "1:2:3:4:5:6:7:1.2.3.4",
    "fe80::1%eth0",
    "::1/64",
    " ::1",
    "::1 ",
    "[::1]",
  ])("is not %j", (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test("may have one group shortened, and may be dotted at full length", () => {
    expect(parseIp("1:2:3:4:5:6:7::")).toEqual(parseIp("1:2:3:4:5:6:7:0"));
    expect(parseIp("1:2:3:4:5:6:1.2.3.4")).toEqual(parseIp("1:2:3:4:5:6:102:304"));
  });
});

describe("any text", () => {
  test("is an address only if ip-num, or the URL standard, agrees", () => {
    const piece = fc.constantFrom("0", "1", "ff", ":", "::", ".", "255", "256", "00", "g", "/", " ");
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 16 }).map((pieces) => pieces.join("")),
        (text) => {
          const address = parseIp(text);
          const expected = text.includes(":") ? isIpv6(text) : isIpv4(text);
          expect(address !== undefined).toBe(expected);
        },
      ),
      { numRuns: 2000 },
    );
  });

  function isIpv4(text: string): boolean {
    try {
      return new IPv4(text).toString() === text;
    } catch {
      return false;
    }
  }

  function isIpv6(text: string): boolean {
    if (/[^0-9a-f:.]/i.test(text)) return false;
    return URL.canParse(`http://[${text}]/`);
  }
});

describe("arithmetic", () => {
  const address = fc.oneof(
    ipv4.map((value): IpAddress => ({ family: 4, value })),
    ipv6.map((value): IpAddress => ({ family: 6, value })),
  );

  test("bytes come back as the same address, in network order", () => {
    fc.assert(
      fc.property(address, (each) => {
        const bytes = toBytes(each);
        expect(bytes.length * 8).toBe(bitsOf(each.family));
        expect(fromBytes(bytes)).toEqual(each);
        expect(BigInt(`0x${Buffer.from(bytes).toString("hex")}`)).toBe(each.value);
      }),
    );
  });

  test("the next address is ip-num's next", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 32n - 2n), (value) => {
        const next = addToIp({ family: 4, value }, 1n);
        expect(formatIp(next)).toBe(new IPv4(value).nextIPNumber().toString());
      }),
    );
  });

  test("addresses of two families are never the same", () => {
    const zero = (family: Family) => ({ family, value: 0n });
    expect(isSameIp(zero(4), zero(6))).toBe(false);
    expect(isSameIp(zero(4), zero(4))).toBe(true);
    expect(isUnspecified(zero(6))).toBe(true);
    expect(isUnspecified({ family: 4, value: 1n })).toBe(false);
  });

  test.each([
    ["fe80::1", true],
    ["febf:ffff::", true],
    ["fe7f::1", false],
    ["fec0::1", false],
    ["169.254.0.1", false],
  ])("whether %s is link-local: %s", (text, expected) => {
    const address = parseIp(text);
    expect(address && isLinkLocal(address)).toBe(expected);
  });
});
