import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readHostLocal, readPlace } from "../../../ipam/host-local/configuration.ts";
import { capacity, describeSet } from "../../../ipam/host-local/range.ts";
import { readConfiguration } from "../../../shared/cni/configuration.ts";
import { formatIp } from "../../../shared/ip/address.ts";

const configuration = (raw: object) =>
  readConfiguration({ cniVersion: "1.0.0", name: "net", type: "bridge", ...raw }, "ADD");
const read = (ipam: object, rest: object = {}) =>
  readHostLocal(configuration({ ipam: { type: "host-local", ...ipam }, ...rest }));
const ranges = (...list: object[]) => ({ ranges: [list] });
const v4 = { subnet: "10.1.0.0/24" };
const v6 = { subnet: "fd00:1::/64" };

/** What the sets of a configuration are: ends, gateways, sizes. */
const sets = (ipam: object, rest: object = {}) => read(ipam, rest).sets.map(describeSet);

describe("the keys", () => {
  test("have the reference's defaults", () => {
    const { dataDir, network, routes, resolvConf, sets: found } = read(ranges(v4));
    expect({ dataDir, network, routes, resolvConf }).toEqual({
      dataDir: "/var/lib/cni/networks",
      network: "net",
      routes: [],
      resolvConf: "",
    });
    // The first address is the gateway, the last one is for broadcast.
    expect(found.map(describeSet)).toEqual(["10.1.0.1-10.1.0.254"]);
    expect(found.map(capacity)).toEqual([253n]);
    expect(found[0]?.ranges.map(({ gateway }) => formatIp(gateway))).toEqual(["10.1.0.1"]);
  });

  test("an IPv6 range ends with the last address: there is no broadcast", () => {
    expect(sets(ranges(v6))).toEqual(["fd00:1::1-fd00:1::ffff:ffff:ffff:ffff"]);
  });

  test("a range may begin with the network's address and end with the broadcast address, if told", () => {
    expect(sets(ranges({ ...v4, rangeStart: "10.1.0.0", rangeEnd: "10.1.0.255" }))).toEqual([
      "10.1.0.0-10.1.0.255",
    ]);
  });

  test("are found in any case, as the reference finds them, and unknown ones ignored", () => {
    expect(sets({ RANGES: [[{ SubNet: "10.1.0.0/24", rangestart: "10.1.0.9", colour: "red" }]] })).toEqual([
      "10.1.0.9-10.1.0.254",
    ]);
  });

  test("the flat keys are a range set of their own, before the others", () => {
    expect(sets({ ...v4, rangeStart: "10.1.0.5", rangeEnd: "10.1.0.9", ...ranges(v6) })).toEqual([
      "10.1.0.5-10.1.0.9",
      "fd00:1::1-fd00:1::ffff:ffff:ffff:ffff",
    ]);
  });

  test("the flat keys mean nothing without a subnet", () => {
    expect(sets({ rangeStart: "10.1.0.5", gateway: "nonsense", ...ranges(v6) })).toHaveLength(1);
    expect(sets({ subnet: "", ...ranges(v6) })).toHaveLength(1);
  });

  test("the capability ipRanges comes before all others", () => {
    const runtimeConfig = { ipRanges: [[{ subnet: "10.9.0.0/30" }], [{ subnet: "fd09::/126" }]] };
    expect(sets({ ...v4, ...ranges(v6) }, { runtimeConfig })).toEqual([
      "10.9.0.1-10.9.0.2",
      "fd09::1-fd09::3",
      "10.1.0.1-10.1.0.254",
      "fd00:1::1-fd00:1::ffff:ffff:ffff:ffff",
    ]);
  });

  test("one subnet may hold several ranges, in one set or in several", () => {
    const [low, high] = [
      { ...v4, rangeEnd: "10.1.0.99" },
      { ...v4, rangeStart: "10.1.0.100" },
    ];
    expect(sets(ranges(high, low))).toEqual(["10.1.0.100-10.1.0.254, 10.1.0.1-10.1.0.99"]);
    expect(sets({ ranges: [[low], [high]] })).toEqual(["10.1.0.1-10.1.0.99", "10.1.0.100-10.1.0.254"]);
  });

  test("a gateway may lie outside the subnet, as a routed network has it", () => {
    const { sets: found } = read(ranges({ ...v4, gateway: "169.254.1.1" }));
    expect(found.map(capacity)).toEqual([254n]);
  });

  test("no gateway of any range is handed out by another", () => {
    const other = { subnet: "10.2.0.0/24", gateway: "10.1.0.77" };
    expect(read({ ranges: [[v4], [other]] }).sets.map(capacity)).toEqual([252n, 254n]);
  });

  test("routes keep all their attributes", () => {
    const route = {
      dst: "10.9.0.0/16",
      gw: "10.1.0.9",
      mtu: 1400,
      advmss: 1300,
      priority: 7,
      table: 5,
      scope: 0,
    };
    const { routes } = read({ ...ranges(v4), routes: [route, { dst: "::/0" }] });
    expect(routes).toHaveLength(2);
    expect(routes[0]).toMatchObject({ mtu: 1400, advmss: 1300, priority: 7, table: 5, scope: 0 });
  });

  test("only the folder is read for DEL and GC, whatever else is wrong", () => {
    const place = (raw: object) => readPlace(configuration(raw));
    expect(place({ ipam: { dataDir: "/data", ranges: "nonsense" } })).toEqual({
      dataDir: "/data",
      network: "net",
    });
    expect(place({ ipam: { dataDir: "" } }).dataDir).toBe("/var/lib/cni/networks");
    expect(place({}).dataDir).toBe("/var/lib/cni/networks");
  });
});

describe("exclude", () => {
  const size = (ipam: object) => read(ipam).sets.map(capacity);

  test("takes addresses and networks out of every range, wherever it stands", () => {
    expect(size({ ...ranges(v4), exclude: ["10.1.0.64/26"] })).toEqual([189n]);
    expect(size(ranges({ ...v4, exclude: ["10.1.0.64/26", "10.1.0.5"] }))).toEqual([188n]);
    expect(size({ ...v4, exclude: ["10.1.0.5"], ranges: [[v6]] })).toEqual([252n, 2n ** 64n - 2n]);
  });

  test("counts what is excluded twice, or is a gateway, or outside, only once or not at all", () => {
    const exclude = ["10.1.0.64/26", "10.1.0.70", "10.1.0.1", "10.1.0.0", "10.99.0.0/16", "fd00:1::5"];
    expect(size({ ...ranges(v4), exclude })).toEqual([189n]);
  });

  test("may take a whole range of a set that has another one", () => {
    const set = ranges({ ...v4, rangeEnd: "10.1.0.127" }, { ...v4, rangeStart: "10.1.0.128" });
    expect(size({ ...set, exclude: ["10.1.0.0/25"] })).toEqual([127n]);
  });
});

describe("refused with code 7", () => {
  const wrong: readonly (readonly [string, object, string])[] = [
    ["no range", {}, "no IP ranges specified"],
    ["no range set in the list", { ranges: [] }, "no IP ranges specified"],
    ["an empty range set", { ranges: [[v6], []] }, '"ipam.ranges[1]" is an empty range set'],
    ["null for a range set", { ranges: [null] }, '"ipam.ranges[0]" is an empty range set'],
    ["null for a range", { ranges: [[null]] }, '"ipam.ranges[0][0]" is null'],
    ["no subnet", ranges({}), '"ipam.ranges[0][0].subnet" is missing'],
    ["a subnet that is none", ranges(v6, { subnet: "10.1.0.0" }), '"ipam.ranges[0][1].subnet" is no network'],
    ["a flat subnet that is none", { subnet: "ten" }, '"ipam.subnet" is no network in CIDR notation: "ten"'],
    ["an IPv4-mapped subnet", ranges({ subnet: "::ffff:10.1.0.0/120" }), "is no network in CIDR notation"],
    ["host bits", ranges({ subnet: "10.1.0.7/24" }), "has host bits set: 10.1.0.7/24"],
    ["a /31", ranges({ subnet: "10.1.0.0/31" }), "is too small to allocate from: 10.1.0.0/31"],
    ["a /32", ranges({ subnet: "10.1.0.0/32" }), "is too small to allocate from"],
    ["a /127", ranges({ subnet: "fd00::/127" }), "is too small to allocate from: fd00::/127"],
    ["a bad start", ranges({ ...v4, rangeStart: "10.1.0.300" }), '[0][0].rangeStart" is no IP address'],
    ["a bad end", ranges({ ...v4, rangeEnd: "x" }), '[0][0].rangeEnd" is no IP address: "x"'],
    ["a bad gateway", ranges({ ...v4, gateway: "10.1.0" }), '[0][0].gateway" is no IP address'],
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
      '"ipam.exclude" holds what is neither',
    ],
    ["host bits excluded", { ...ranges(v4), exclude: ["10.1.0.5/24"] }, "did you mean 10.1.0.0/24?"],
    ["a route without destination", { ...ranges(v4), routes: [{}] }, '"ipam.routes[0].dst" is no address'],
    [
      "a route via nothing",
      { ...ranges(v4), routes: [{ dst: "::/0", gw: "x" }] },
      '"ipam.routes[0].gw" is no IP',
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

describe("ranges of any number", () => {
  const range = fc
    .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 12 }))
    .map(([first, length]) => ({ first, last: first + length }));
  const lists = fc.array(fc.array(range, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 });
  type Ends = { readonly first: number; readonly last: number };
  const share = (a: Ends, b: Ends) => a.first <= b.last && b.first <= a.last;

  test("are refused if any two share an address, and the later one is named", () => {
    fc.assert(
      fc.property(lists, (list) => {
        const object = ({ first, last }: Ends) => ({
          ...v4,
          rangeStart: `10.1.0.${first}`,
          rangeEnd: `10.1.0.${last}`,
        });
        const all = list.flatMap((set, at) =>
          set.map((ends, index) => ({ ends, path: `[${at}][${index}]` })),
        );
        const clashes = all.flatMap((one, index) =>
          all
            .slice(0, index)
            .flatMap((other) => (share(one.ends, other.ends) ? [[other.path, one.path]] : [])),
        );
        const work = () => read({ ranges: list.map((set) => set.map(object)), exclude: ["10.1.0.200"] });
        if (clashes.length === 0) {
          expect(work().sets).toHaveLength(list.length);
          return;
        }
        const messages = clashes.map(
          ([earlier, later]) => `"ipam.ranges${later}.subnet" overlaps with "ipam.ranges${earlier}.subnet"`,
        );
        let message = "";
        try {
          work();
        } catch (thrown) {
          message = (thrown as Error).message;
        }
        expect(
          messages.some((each) => message.startsWith(each)),
          `${message}; ${messages}`,
        ).toBe(true);
      }),
    );
  });

  test("keep back what is excluded anywhere, and every gateway", () => {
    const excluded = fc.array(fc.integer({ min: 1, max: 62 }), { maxLength: 9 });
    fc.assert(
      fc.property(excluded, excluded, fc.integer({ min: 1, max: 62 }), (beside, within, gateway) => {
        const addresses = (list: readonly number[]) => list.map((last) => `10.1.0.${last}`);
        const one = { subnet: "10.1.0.0/27", rangeStart: "10.1.0.1", rangeEnd: "10.1.0.30" };
        const other = { subnet: "10.1.0.32/27", gateway: `10.1.0.${gateway}`, exclude: addresses(within) };
        const { sets: found } = read({ ranges: [[one, other]], exclude: addresses(beside) });
        const withheld = new Set([...beside, ...within, gateway, 1]);
        const size = [...Array(63).keys()].filter(
          (last) => last > 0 && last !== 31 && last !== 32 && !withheld.has(last),
        ).length;
        expect(found.map(capacity)).toEqual([BigInt(size)]);
      }),
    );
  });
});
