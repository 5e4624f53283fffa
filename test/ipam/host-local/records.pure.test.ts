import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  isBlank,
  isOfBoot,
  newStamp,
  type OwnerRecord,
  ownerName,
  parseRecord,
  parseReservation,
  recordText,
  reservationText,
  stateText,
} from "../../../ipam/host-local/records.ts";

const letters = "abcXYZ019";
const containerId = fc
  .tuple(
    fc.constantFrom(...letters),
    fc.string({ unit: fc.constantFrom(...letters, "_", ".", "-"), maxLength: 70 }),
  )
  .map(([first, rest]) => first + rest);
const ifname = fc.string({
  unit: fc.constantFrom(...letters, "é", "@", "-", "."),
  minLength: 1,
  maxLength: 15,
});
const owner = fc.record({ containerId, ifname });

describe("a reservation", () => {
  test("holds what the reference writes", () => {
    expect(reservationText({ containerId: "c1", ifname: "eth0" })).toBe("c1\r\neth0");
  });

  test("names its owner", () => {
    fc.assert(
      fc.property(owner, (each) => {
        expect(parseReservation(reservationText(each))).toEqual(each);
      }),
    );
  });

  test.each([
    ["c1", { containerId: "c1", ifname: "" }],
    ["c1\n", { containerId: "c1", ifname: "" }],
    ["c1\r\neth0\n", { containerId: "c1", ifname: "eth0" }],
    [" c1\neth0", { containerId: "c1", ifname: "eth0" }],
  ])("%j is of %j", (text, expected) => {
    expect(parseReservation(text)).toEqual(expected);
  });

  test.each(["", "kept for the printer", "../c1\r\neth0", "c1\r\neth0\r\nmore", "c1\r\na/b", "\0\0"])(
    "%j has no owner",
    (text) => {
      expect(parseReservation(text)).toBeUndefined();
    },
  );

  test.each([
    ["", true],
    [" \r\n", true],
    ["\0\0\0\0", true],
    ["c1", false],
    ["kept for the printer", false],
  ])("%j is blank: %s", (text, expected) => {
    expect(isBlank(text)).toBe(expected);
  });
});

describe("an owner's record", () => {
  test("has a name of its own, of which a file can be made", () => {
    fc.assert(
      fc.property(owner, owner, (a, b) => {
        const isSame = a.containerId === b.containerId && a.ifname === b.ifname;
        expect(ownerName(a) === ownerName(b)).toBe(isSame);
        expect(ownerName(a)).toMatch(/^[^/]*:[^/]*$/);
        expect(Buffer.byteLength(ownerName(a))).toBeLessThanOrEqual(255);
      }),
    );
  });

  test("keeps a readable name up to the longest that fits", () => {
    const longest = { containerId: "c".repeat(239), ifname: "i".repeat(15) };
    expect(ownerName(longest)).toBe(`${longest.containerId}:${longest.ifname}`);
    expect(ownerName(longest).length).toBe(255);
  });

  const record: fc.Arbitrary<OwnerRecord> = fc
    .tuple(
      owner,
      fc.record({
        boot: fc.uuid(),
        reservations: fc.array(fc.record({ name: fc.ipV4(), file: fc.string() })),
      }),
      fc.option(fc.record({ path: fc.string(), identity: fc.string() })),
    )
    .map(([who, what, namespace]) => ({ ...who, ...what, ...(namespace === null ? {} : { namespace }) }));

  test("is read as it was written", () => {
    fc.assert(
      fc.property(record, (each) => {
        expect(parseRecord(recordText(each))).toEqual(each);
      }),
    );
  });

  test("is nothing when it is cut anywhere", () => {
    fc.assert(
      fc.property(record, fc.nat(), (each, cut) => {
        const text = recordText(each).trimEnd();
        expect(parseRecord(text.slice(0, cut % text.length))).toBeUndefined();
      }),
    );
  });

  test.each(["null", "[]", "{}", '"text"', '{"containerId":1,"ifname":"","boot":"","reservations":[]}'])(
    "%s is invalid",
    (text) => {
      expect(parseRecord(text)).toBeUndefined();
    },
  );

  const base = { containerId: "c1", ifname: "eth0", boot: "b" };

  test("with a list of something else is invalid", () => {
    expect(parseRecord(JSON.stringify({ ...base, reservations: ["10.1.0.2"] }))).toBeUndefined();
    expect(parseRecord(JSON.stringify({ ...base, reservations: {} }))).toBeUndefined();
  });

  test("with half a namespace has none", () => {
    expect(parseRecord(JSON.stringify({ ...base, reservations: [], namespace: { path: "/x" } }))).toEqual({
      ...base,
      reservations: [],
    });
  });
});

describe("the state", () => {
  test("is of the boot it names, and of no other", () => {
    const text = stateText("aaaa", 17n);
    expect(text).toBe("aaaa 17\n");
    expect(isOfBoot(text, "aaaa")).toBe(true);
    expect(isOfBoot(text, "aaa")).toBe(false);
    expect(isOfBoot("", "aaaa")).toBe(false);
  });

  test("has a stamp that lies in the past, and is of one length", () => {
    const now = Date.UTC(2026, 0, 1);
    const stamp = newStamp(now);
    expect(stamp < BigInt(now - 1000) * 1_000_000n).toBe(true);
    expect(String(stamp)).toHaveLength(19);
    expect(String(newStamp(Date.UTC(2200, 0, 1)))).toHaveLength(19);
  });
});
