import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readStoreLocation } from "../../../ipam/host-local/configuration.ts";
import { capacity, describeSet } from "../../../ipam/host-local/range.ts";
import { formatIp } from "../../../shared/ip/address.ts";
import { configuration, ranges, read } from "./read.ts";
import { v4, v6 } from "./subject.ts";

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

  test("a range may begin with the network's address and end with the broadcast address, if configured", () => {
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
    const place = (raw: object) => readStoreLocation(configuration(raw));
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
