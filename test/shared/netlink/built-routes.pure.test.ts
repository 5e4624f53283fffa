import fc from "fast-check";
import { rt } from "netlink";
import { describe, expect, test } from "vitest";
import { toBytes } from "../../../shared/ip/address.ts";
import { networkOf } from "../../../shared/ip/cidr.ts";
import { addRoute, type Route } from "../../../shared/netlink/route.ts";
import { addresses, cidrs, families } from "../cni/arbitraries.ts";

const numbers = fc.integer({ min: 1, max: 2 ** 31 - 1 });

const routes: fc.Arbitrary<Route> = families.chain((family) =>
  fc.record(
    {
      destination: cidrs(family).map(networkOf),
      gateway: addresses(family),
      source: addresses(family),
      mtu: numbers,
      advmss: numbers,
      priority: numbers,
      table: fc.oneof(fc.integer({ min: 1, max: 255 }), numbers),
      scope: fc.integer({ min: 0, max: 255 }),
    },
    { requiredKeys: ["destination"] },
  ),
);

const u32 = (bytes: Buffer | undefined) => bytes?.readUInt32LE();

describe("a request for a route", () => {
  test("says what it was made of, to the package netlink", () => {
    fc.assert(
      fc.property(numbers, routes, (index, route) => {
        const { destination, gateway, source, table = 254 } = route;
        const { family } = destination.address;
        const { data, attrs } = rt.parseRouteMessage(Buffer.from(addRoute(index, route).body));
        expect(data).toMatchObject({ family: family === 4 ? 2 : 10, dstLen: destination.prefixLength });
        expect(attrs).toMatchObject({ oif: index, table });
        // The header has one byte for it; RT_TABLE_UNSPEC says to look at the attribute.
        expect(data.table).toBe(table < 256 ? table : 0);
        expect(attrs.priority).toBe(route.priority);
        if (destination.prefixLength > 0)
          expect([...(attrs.dst ?? [])]).toEqual([...toBytes(destination.address)]);
        else expect(attrs.dst).toBeUndefined();
        expect(attrs.gateway === undefined).toBe(gateway === undefined);
        if (gateway !== undefined) expect([...(attrs.gateway ?? [])]).toEqual([...toBytes(gateway)]);
        expect(attrs.prefsrc === undefined).toBe(source === undefined);
        if (source !== undefined) expect([...(attrs.prefsrc ?? [])]).toEqual([...toBytes(source)]);
        expect([u32(attrs.metrics?.mtu), u32(attrs.metrics?.advmss)]).toEqual([route.mtu, route.advmss]);
      }),
    );
  });

  test.each<[string, Partial<Route>, number]>([
    ["a destination on the link", {}, 253],
    ["a gateway", { gateway: { family: 4, value: 0x0a010001n } }, 0],
    ["a scope of its own", { scope: 254 }, 254],
    ["a gateway and a scope of its own", { gateway: { family: 4, value: 0x0a010001n }, scope: 253 }, 253],
  ])("with %s has that scope", (_, more, scope) => {
    const destination = { address: { family: 4, value: 0xc0000200n }, prefixLength: 24 } as const;
    const body = addRoute(2, { destination, ...more }).body;
    expect(body[6]).toBe(scope);
  });

  test("has no scope in IPv6", () => {
    const destination = { address: { family: 6, value: 1n << 120n }, prefixLength: 8 } as const;
    expect(addRoute(2, { destination }).body[6]).toBe(0);
  });
});
