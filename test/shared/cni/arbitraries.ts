/** Random values for the property tests of the protocol. */
import fc from "fast-check";
import type { Dns, Result, ResultInterface, ResultIp, ResultRoute } from "../../../shared/cni/result.ts";
import { bitsOf, type Family, type IpAddress } from "../../../shared/ip/address.ts";
import { type Cidr, networkOf } from "../../../shared/ip/cidr.ts";

/** Without those inside ::ffff:0:0/96, which are IPv4 addresses in another notation. */
export const addresses = (family: Family): fc.Arbitrary<IpAddress> =>
  fc
    .bigInt({ min: 0n, max: (1n << BigInt(bitsOf(family))) - 1n })
    .filter((value) => family === 4 || value >> 32n !== 0xffffn)
    .map((value) => ({ family, value }));

export const families: fc.Arbitrary<Family> = fc.constantFrom<Family>(4, 6);

export const cidrs = (family: Family): fc.Arbitrary<Cidr> =>
  fc.record({
    address: addresses(family),
    prefixLength: fc.integer({ min: 0, max: bitsOf(family) }),
  });

/** A network whose text is an IPv6 one too: cleared host bits must not make ::ffff:0:0/96 of it. */
const networks = (family: Family) =>
  cidrs(family)
    .map(networkOf)
    .filter(({ address }) => family === 4 || address.value >> 32n !== 0xffffn);

/** Leaves out keys that have no value: the types know no key that is there and undefined. */
const sparse = <Shape extends object>(
  model: { [Key in keyof Shape]-?: fc.Arbitrary<Exclude<Shape[Key], undefined>> },
  required: (keyof Shape)[],
): fc.Arbitrary<Shape> => fc.record(model, { requiredKeys: required }) as fc.Arbitrary<Shape>;

const numbers = fc.nat({ max: 2 ** 31 - 1 });

const routesOf = (family: Family): fc.Arbitrary<ResultRoute> =>
  sparse<ResultRoute>(
    {
      destination: networks(family),
      gateway: addresses(family),
      mtu: numbers,
      advmss: numbers,
      priority: numbers,
      table: numbers,
      scope: fc.nat({ max: 255 }),
    },
    ["destination"],
  );

const ipsOf = (family: Family): fc.Arbitrary<ResultIp> =>
  sparse<ResultIp>({ address: cidrs(family), gateway: addresses(family), interface: fc.nat({ max: 5 }) }, [
    "address",
  ]);

const words = fc.string({ unit: "grapheme", minLength: 1 });

const interfaces: fc.Arbitrary<ResultInterface> = sparse<ResultInterface>(
  { name: words, mac: words, mtu: numbers, sandbox: words, socketPath: words, pciID: words },
  ["name"],
);

const dns: fc.Arbitrary<Dns> = sparse<Dns>(
  {
    nameservers: fc.array(words, { minLength: 1 }),
    domain: words,
    search: fc.array(words, { minLength: 1 }),
    options: fc.array(words, { minLength: 1 }),
  },
  [],
);

export const results: fc.Arbitrary<Result> = fc.record({
  interfaces: fc.array(interfaces, { maxLength: 4 }),
  ips: fc.array(families.chain(ipsOf), { maxLength: 4 }),
  routes: fc.array(families.chain(routesOf), { maxLength: 4 }),
  dns,
});
