import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { joinRanges, portVlans, readVlanConfig, usesVlans } from "../../../plugins/bridge/vlan.ts";
import { Fields } from "../../../shared/cni/fields.ts";
import type { VlanRange } from "../../../shared/netlink/bridge.ts";

const read = (configuration: object) => readVlanConfig(new Fields({ ...configuration }));
const coded = (code: number, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

const ids = fc.integer({ min: 1, max: 4094 });
const ranges = fc.array(
  fc
    .tuple(ids, fc.oneof(fc.nat(5), fc.nat(4094)))
    .map(([first, more]): [number, number] => [first, Math.min(first + more, 4094)]),
);

/** The VLANs of ranges, one by one. */
const members = (list: readonly (readonly [number, number])[]): number[] => {
  const all = new Set<number>();
  for (const [first, last] of list) for (let id = first; id <= last; id++) all.add(id);
  return [...all].sort((a, b) => a - b);
};

describe("the VLAN keys", () => {
  test("are off unless they are set", () => {
    const config = read({});
    expect(config).toEqual({ id: 0, trunk: undefined, preserveDefault: false });
    expect(usesVlans(config)).toBe(false);
    expect(usesVlans(read({ vlan: 0, preserveDefaultVlan: true }))).toBe(false);
  });

  test.each([{ vlan: 1 }, { vlan: 4094 }, { vlanTrunk: [] }, { vlanTrunk: [{ id: 5 }] }])(
    "%j uses VLANs",
    (keys) => {
      expect(usesVlans(read(keys))).toBe(true);
    },
  );

  test("are read together", () => {
    const config = read({
      vlan: 7,
      preserveDefaultVlan: true,
      vlanTrunk: [{ id: 30 }, { minID: 10, maxID: 12, id: 13 }, { minID: 31, maxID: 31 }],
    });
    const tagged = { pvid: false, untagged: false };
    expect(config).toEqual({
      id: 7,
      preserveDefault: true,
      trunk: [
        { first: 10, last: 13, ...tagged },
        { first: 30, last: 31, ...tagged },
      ],
    });
  });

  test.each([-1, 4095, 65536])("do not allow the VLAN %d", (vlan) => {
    expect(() => read({ vlan })).toThrow(
      expect.objectContaining({ code: 7, details: `invalid VLAN ID ${vlan} (must be between 0 and 4094)` }),
    );
  });

  test.each([0, -5, 4095])("do not allow %d in a trunk", (id) => {
    expect(() => read({ vlanTrunk: [{ id }] })).toThrow(coded(7, "vlanTrunk[0].id"));
    expect(() => read({ vlanTrunk: [{ id: 5 }, { minID: id, maxID: 9 }] })).toThrow(
      coded(7, "vlanTrunk[1].minID"),
    );
    expect(() => read({ vlanTrunk: [{ minID: 1, maxID: id }] })).toThrow(coded(7, "vlanTrunk[0]."));
  });

  test("want both ends of a range, in their order", () => {
    expect(() => read({ vlanTrunk: [{ minID: 5 }] })).toThrow(coded(7, "vlanTrunk[0].maxID"));
    expect(() => read({ vlanTrunk: [{ maxID: 5 }] })).toThrow(coded(7, "vlanTrunk[0].minID"));
    expect(() => read({ vlanTrunk: [{ minID: 9, maxID: 5 }] })).toThrow(
      coded(7, "greater than maxID (9 > 5)"),
    );
  });

  test.each([
    { vlan: "5" },
    { vlan: 1.5 },
    { vlanTrunk: {} },
    { vlanTrunk: [5] },
    { vlanTrunk: [{ id: "5" }] },
    { preserveDefaultVlan: 1 },
  ])("of a wrong type are a fault of decoding: %j", (keys) => {
    expect(() => read(keys)).toThrow(expect.objectContaining({ code: 6 }));
  });
});

describe("joined ranges", () => {
  test("hold what the ranges held, in order, as few as can be", () => {
    fc.assert(
      fc.property(ranges, (list) => {
        const joined = joinRanges(list);
        expect(members(joined)).toEqual(members(list));
        for (const [at, [first, last]] of joined.entries()) {
          expect(first).toBeLessThanOrEqual(last);
          const next = joined[at + 1];
          // With a gap of one VLAN at least; else they would be one range.
          if (next !== undefined) expect(next[0]).toBeGreaterThan(last + 1);
        }
      }),
    );
  });

  test("leave the given ones as they were", () => {
    const given: [number, number][] = [
      [5, 9],
      [1, 6],
    ];
    joinRanges(given);
    expect(given).toEqual([
      [5, 9],
      [1, 6],
    ]);
  });
});

describe("the VLANs of a port", () => {
  const spread = (list: readonly VlanRange[]) =>
    list.flatMap(({ first, last, pvid, untagged }) =>
      members([[first, last]]).map((id) => ({ id, pvid, untagged })),
    );

  test("are those of the trunk, tagged, and one for untagged frames, each once", () => {
    fc.assert(
      fc.property(ranges, fc.oneof(fc.constant(0), ids), (list, vlan) => {
        const vlanTrunk = list.map(([minID, maxID]) => ({ minID, maxID }));
        const access = vlan === 0 ? 1 : vlan;
        const all = spread(portVlans(read({ vlan, vlanTrunk })));
        expect(all.map(({ id }) => id).sort((a, b) => a - b)).toEqual(members([...list, [access, access]]));
        expect(all.filter(({ pvid }) => pvid)).toEqual([{ id: access, pvid: true, untagged: true }]);
        expect(all.filter(({ untagged }) => untagged)).toHaveLength(1);
      }),
    );
  });

  test.each<[object, VlanRange[]]>([
    [{ vlan: 7 }, [{ first: 7, last: 7, pvid: true, untagged: true }]],
    [
      { vlanTrunk: [{ minID: 1, maxID: 3 }] },
      [
        { first: 2, last: 3, pvid: false, untagged: false },
        { first: 1, last: 1, pvid: true, untagged: true },
      ],
    ],
    [
      { vlan: 20, vlanTrunk: [{ minID: 10, maxID: 30 }] },
      [
        { first: 10, last: 19, pvid: false, untagged: false },
        { first: 21, last: 30, pvid: false, untagged: false },
        { first: 20, last: 20, pvid: true, untagged: true },
      ],
    ],
    [{ vlan: 20, vlanTrunk: [{ id: 20 }] }, [{ first: 20, last: 20, pvid: true, untagged: true }]],
  ])("of %j are as the kernel takes them", (keys, expected) => {
    expect(portVlans(read(keys))).toEqual(expected);
  });
});
