import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ownerComment, readOwner } from "../../../shared/cni/attachment.ts";
import { isSameRecord, recordName } from "../../../shared/filter/record.ts";
import { parseRecord, recordText } from "../../../shared/filter/record-text.ts";
import { anOwner, anyRecord } from "./arbitrary.ts";

const aName = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,120}$/);
const longOwner = fc.record({
  network: aName,
  containerId: aName,
  ifname: fc.constantFrom("eth0", "ééééééé"),
});

describe("a record as text", () => {
  test("is read as it was written, in one line", () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const text = recordText(record);
        expect(text.indexOf("\n")).toBe(text.length - 1);
        expect(parseRecord(text)).toEqual(record);
      }),
    );
  });

  test("that was cut anywhere is no record", () => {
    fc.assert(
      fc.property(anyRecord, fc.double({ min: 0, max: 1, noNaN: true }), (record, share) => {
        const text = recordText(record).trimEnd();
        expect(parseRecord(text.slice(0, Math.floor(share * (text.length - 1))))).toBeUndefined();
      }),
    );
  });

  test("of any other content is no record, or one that can be written", () => {
    const content = fc.oneof(
      fc.string(),
      fc.json(),
      fc.jsonValue().map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(content, (text) => {
        expect(parseRecord(text)).toBeUndefined();
      }),
    );
    const parts = fc.record({
      owner: anOwner,
      kind: fc.constantFrom("interface", "portmap", "firewall"),
      backend: fc.constantFrom("nftables", "iptables"),
      masquerade: fc.jsonValue(),
      spoofCheck: fc.jsonValue(),
      hostPorts: fc.jsonValue(),
      firewall: fc.jsonValue(),
      namespace: fc.jsonValue(),
    });
    fc.assert(
      fc.property(parts, (value) => {
        const record = parseRecord(JSON.stringify(value));
        expect(record).toMatchObject({ owner: value.owner, kind: value.kind, backend: value.backend });
        if (record !== undefined) expect(parseRecord(recordText(record))).toEqual(record);
      }),
    );
  });
});

describe("a record's name", () => {
  test("is that of the owner in a comment, where long names are cut", () => {
    fc.assert(
      fc.property(longOwner, (owner) => {
        const read = readOwner(ownerComment(owner));
        expect(read && recordName(read, "interface")).toBe(recordName(owner, "interface"));
      }),
    );
  });

  test("is of one owner and kind alone", () => {
    fc.assert(
      fc.property(longOwner, longOwner, (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other));
        expect(recordName(one, "interface")).not.toBe(recordName(other, "interface"));
        expect(recordName(one, "portmap")).not.toBe(recordName(one, "interface"));
      }),
    );
  });

  test("is the same for the same records", () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, (one, other) => {
        const isSame = recordName(one.owner, one.kind) === recordName(other.owner, other.kind);
        expect(isSameRecord(one, other)).toBe(isSame);
      }),
    );
  });
});
