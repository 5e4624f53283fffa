import { describe, expect, test } from "vitest";
import { readHostLocal } from "../../../ipam/host-local/configuration.ts";
import { configuration, ranges, read } from "./read.ts";
import { v4, v6 } from "./subject.ts";

describe("refused with code 7", () => {
  const wrong: readonly (readonly [string, object, string])[] = [
    ["no range", {}, "no IP ranges specified"],
    ["no range set in the list", { ranges: [] }, "no IP ranges specified"],
    ["an empty range set", { ranges: [[v6], []] }, '"ipam.ranges[1]" is an empty range set'],
    ["null for a range set", { ranges: [null] }, '"ipam.ranges[0]" is an empty range set'],
    ["null for a range", { ranges: [[null]] }, '"ipam.ranges[0][0]" is null'],
    ["no subnet", ranges({}), '"ipam.ranges[0][0].subnet" is missing'],
    ["an invalid subnet", ranges(v6, { subnet: "10.1.0.0" }), '"ipam.ranges[0][1].subnet" is not a network'],
    ["an invalid flat subnet", { subnet: "ten" }, '"ipam.subnet" is not a network in CIDR notation: "ten"'],
    ["an IPv4-mapped subnet", ranges({ subnet: "::ffff:10.1.0.0/120" }), "is not a network in CIDR notation"],
    ["host bits", ranges({ subnet: "10.1.0.7/24" }), "has host bits set: 10.1.0.7/24"],
    ["a /31", ranges({ subnet: "10.1.0.0/31" }), "is too small to allocate from: 10.1.0.0/31"],
    ["a /32", ranges({ subnet: "10.1.0.0/32" }), "is too small to allocate from"],
    ["a /127", ranges({ subnet: "fd00::/127" }), "is too small to allocate from: fd00::/127"],
    ["a bad start", ranges({ ...v4, rangeStart: "10.1.0.300" }), '[0][0].rangeStart" is not an IP address'],
    ["a bad end", ranges({ ...v4, rangeEnd: "x" }), '[0][0].rangeEnd" is not an IP address: "x"'],
    ["a bad gateway", ranges({ ...v4, gateway: "10.1.0" }), '[0][0].gateway" is not an IP address'],
    [
      "a start outside",
      ranges({ ...v4, rangeStart: "10.2.0.1" }),
      "10.2.0.1 is not in the subnet 10.1.0.0/24",
    ],
    ["an end outside", ranges({ ...v4, rangeEnd: "10.1.1.0" }), "10.1.1.0 is not in the subnet"],
    ["a start of another family", ranges({ ...v4, rangeStart: "fd00::5" }), "fd00::5 is not in the subnet"],
    [
      "the wrong order",
      ranges({ ...v4, rangeStart: "10.1.0.9", rangeEnd: "10.1.0.8" }),
      "is after rangeEnd 10.1.0.8",
    ],
    ["a gateway of another family", ranges({ ...v4, gateway: "fd00::1" }), "of another address family"],
    ["two families in a set", ranges(v4, v6), '"ipam.ranges[0][1].subnet" mixed address families'],
    [
      "the same range twice in a set",
      ranges(v4, v4),
      '"ipam.ranges[0][1].subnet" overlaps with "ipam.ranges[0][0].sub',
    ],
    ["sets that overlap", { ranges: [[v4], [{ subnet: "10.0.0.0/8" }]] }, "overlaps with"],
    [
      "flat keys that overlap",
      { ...v4, ...ranges(v4) },
      '"ipam.ranges[0][0].subnet" overlaps with "ipam.subnet"',
    ],
    ["a range that is its gateway", ranges({ ...v4, rangeEnd: "10.1.0.1" }), "leaves no address to hand out"],
    ["everything excluded", { ...ranges(v4), exclude: ["10.1.0.0/24"] }, "leaves no address to hand out"],
    [
      "an exclusion that is nothing",
      { ...ranges(v4), exclude: ["some"] },
      '"ipam.exclude" contains a value that is neither',
    ],
    ["host bits excluded", { ...ranges(v4), exclude: ["10.1.0.5/24"] }, "did you mean 10.1.0.0/24?"],
    ["a route without destination", { ...ranges(v4), routes: [{}] }, '"ipam.routes[0].dst" is missing'],
    [
      "a route via nothing",
      { ...ranges(v4), routes: [{ dst: "::/0", gw: "x" }] },
      '"ipam.routes[0].gw" is not an IP',
    ],
  ];

  test.each(wrong)("%s", (_, ipam, message) => {
    let thrown: { code?: number; message?: string; details?: string } = {};
    try {
      read(ipam);
    } catch (caught) {
      thrown = caught as typeof thrown;
    }
    expect(thrown.code).toBe(7);
    // Whatever part of the message is about: the whole of it, advice included, is for a person to read.
    expect(`${thrown.message} ${thrown.details}`).toContain(message);
  });

  test("a configuration without ipam", () => {
    expect(() => readHostLocal(configuration({}))).toThrow(
      expect.objectContaining({ code: 7, message: "IPAM config missing 'ipam' key" }),
    );
  });

  test("a capability that overlaps", () => {
    expect(() => read(ranges(v4), { runtimeConfig: { ipRanges: [[v4]] } })).toThrow(
      expect.objectContaining({
        code: 7,
        message: expect.stringContaining(
          '"ipam.ranges[0][0].subnet" overlaps with "runtimeConfig.ipRanges[0][0].sub',
        ),
      }),
    );
  });

  test.each(["0.1.0", "0.2.0"])("two addresses of a family in version %s", (cniVersion) => {
    const two = { ranges: [[v4], [v6], [{ subnet: "10.2.0.0/24" }]] };
    expect(() => read(two, { cniVersion })).toThrow(
      expect.objectContaining({
        code: 7,
        message: expect.stringContaining("more than 1 address per family"),
      }),
    );
    expect(read({ ranges: [[v4], [v6]] }, { cniVersion }).sets).toHaveLength(2);
    expect(read(two, { cniVersion: "0.3.0" }).sets).toHaveLength(3);
  });
});

describe("refused with code 6: a wrong type", () => {
  test.each<[string, object]>([
    ["ipam.ranges", { ranges: {} }],
    ["ipam.ranges[0]", { ranges: [{}] }],
    ["ipam.ranges[1][0]", { ranges: [[v4], ["10.1.0.0/24"]] }],
    ["ipam.ranges[0][0].subnet", ranges({ subnet: 10 })],
    ["ipam.ranges[0][0].rangeStart", ranges({ ...v4, rangeStart: [] })],
    ["ipam.subnet", { subnet: true }],
    ["ipam.gateway", { ...v4, gateway: 1 }],
    ["ipam.exclude", { ...v4, exclude: "10.1.0.5" }],
    ["ipam.exclude[1]", { ...v4, exclude: ["10.1.0.5", 6] }],
    ["ipam.dataDir", { ...v4, dataDir: 1 }],
    ["ipam.resolvConf", { ...v4, resolvConf: {} }],
    ["ipam.routes", { ...v4, routes: {} }],
    ["ipam.routes[0].mtu", { ...v4, routes: [{ dst: "::/0", mtu: "1400" }] }],
  ])("%s", (key, ipam) => {
    expect(() => read(ipam)).toThrow(
      expect.objectContaining({ code: 6, message: expect.stringContaining(`"${key}" must be`) }),
    );
  });
});
