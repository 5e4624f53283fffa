import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Addressing, planAddressing } from "../../../plugins/bridge/addressing.ts";
import { resolveRoutes } from "../../../shared/attachment/routes.ts";
import type { Result, ResultRoute } from "../../../shared/cni/result.ts";
import { readResult } from "../../../shared/cni/result-input.ts";
import { writeResult } from "../../../shared/cni/result-output.ts";
import { formatCidr } from "../../../shared/ip/cidr.ts";
import { results } from "../../shared/cni/arbitraries.ts";

type Options = Parameters<typeof planAddressing>[1];

const none: Options = { isGateway: false, isDefaultGateway: false };
const gateway: Options = { isGateway: true, isDefaultGateway: false };
const defaultGateway: Options = { isGateway: true, isDefaultGateway: true };

/** An IPAM result of addresses ("10.1.0.2/24" or "10.1.0.2/24 via 10.1.0.1") and routes, in the words of 1.1.0. */
const ipam = (ips: readonly string[], routes: readonly object[] = []): Result => {
  const told = ips.map((ip) => {
    const [address, via] = ip.split(" via ");
    return via === undefined ? { address } : { address, gateway: via };
  });
  return readResult({ cniVersion: "1.1.0", ips: told, routes }, "1.1.0", "ipam");
};

/** A plan in the same words. */
const told = ({ ips, routes, kernelRoutes, gateways }: Addressing) => {
  const written = (list: readonly ResultRoute[]) =>
    writeResult({ interfaces: [], ips: [], routes: list, dns: {} }, "1.1.0")["routes"] ?? [];
  const addresses = writeResult({ interfaces: [], ips, routes: [], dns: {} }, "1.1.0")["ips"];
  return {
    ips: addresses,
    routes: written(routes),
    kernelRoutes: written(kernelRoutes),
    gateways: gateways.map(formatCidr),
  };
};

const plan = (options: Options, ips: readonly string[], routes: readonly object[] = []) =>
  told(planAddressing(ipam(ips, routes), options));

describe("an address", () => {
  test("belongs to the container's interface, and keeps the gateway that IPAM gives", () => {
    expect(plan(none, ["10.1.0.2/24 via 10.1.0.9", "fd00::2/64"])).toEqual({
      ips: [
        { interface: 2, address: "10.1.0.2/24", gateway: "10.1.0.9" },
        { interface: 2, address: "fd00::2/64" },
      ],
      routes: [],
      kernelRoutes: [],
      gateways: [],
    });
  });

  test.each([
    ["10.1.0.2/24", "10.1.0.1"],
    ["10.1.77.2/16", "10.1.0.1"],
    ["10.1.0.6/30", "10.1.0.5"],
    ["10.1.0.4/31", "10.1.0.5"],
    ["255.255.255.254/31", "255.255.255.255"],
    ["fd00::2/64", "fd00::1"],
    ["fd00::ffff/112", "fd00::1"],
    ["fd00::2/127", "fd00::3"],
  ])("%s without a gateway gets the first of its network: %s", (address, expected) => {
    const { ips, gateways } = plan(gateway, [address]);
    expect(ips).toEqual([{ interface: 2, address, gateway: expected }]);
    expect(gateways).toEqual([`${expected}/${address.split("/")[1]}`]);
  });

  test.each(["10.1.0.1/24", "10.1.0.5/31", "10.1.0.1/32", "255.255.255.255/32", "fd00::1/64", "fd00::1/128"])(
    "%s leaves no room for a gateway, and one outside its network is refused",
    (address) => {
      expect(() => plan(gateway, [address])).toThrow(
        expect.objectContaining({ code: 7, message: expect.stringContaining(address) }),
      );
      expect(() => plan(none, [address])).not.toThrow();
      const outside = address.includes(":") ? "fd00:9::9" : "10.9.0.9";
      expect(() => plan(gateway, [`${address} via ${outside}`])).toThrow(
        expect.objectContaining({ code: 7, message: expect.stringContaining(outside) }),
      );
    },
  );

  test("must be given: a network with IPAM and no address is refused", () => {
    expect(() => plan(none, [])).toThrow(
      expect.objectContaining({ code: 7, message: "IPAM plugin returned missing IP config" }),
    );
  });
});

describe("the bridge's addresses", () => {
  test("are the gateways, each once, with the prefix of the network", () => {
    const ips = [
      "10.1.0.2/24",
      "10.1.0.3/24",
      "10.1.0.4/24 via 10.1.0.9",
      "fd00::2/64",
      "10.1.0.5/16 via 10.1.0.1",
    ];
    expect(plan(gateway, ips).gateways).toEqual(["10.1.0.1/24", "10.1.0.9/24", "fd00::1/64", "10.1.0.1/16"]);
  });

  test("are none on a bridge that is no gateway", () => {
    expect(plan(none, ["10.1.0.2/24 via 10.1.0.1"]).gateways).toEqual([]);
  });
});

describe("the default route", () => {
  const dual = ["10.1.0.2/24", "fd00::2/64"];
  const toBridge = [
    { dst: "0.0.0.0/0", gw: "10.1.0.1" },
    { dst: "::/0", gw: "fd00::1" },
  ];

  test("goes through the bridge, once a family, when it is the default gateway", () => {
    expect(plan(defaultGateway, dual).routes).toEqual(toBridge);
    expect(plan(defaultGateway, [...dual, "10.2.0.2/24", "fd01::2/64"]).routes).toEqual(toBridge);
    expect(plan(gateway, dual).routes).toEqual([]);
  });

  test("comes after the routes of IPAM", () => {
    const routes = [{ dst: "192.0.2.0/24", gw: "10.1.0.7" }];
    expect(plan(defaultGateway, dual, routes).routes).toEqual([...routes, ...toBridge]);
  });

  test("is the one that IPAM gives, where that has a gateway", () => {
    const routes = [{ dst: "0.0.0.0/0", gw: "10.1.0.254" }];
    expect(plan(defaultGateway, dual, routes).routes).toEqual([...routes, toBridge[1]]);
  });

  test("is the one that IPAM gives without a gateway, with the bridge's and its own attributes", () => {
    const { routes, kernelRoutes } = plan(defaultGateway, dual, [
      { dst: "0.0.0.0/0", mtu: 1400, priority: 7 },
    ]);
    const expected = [{ dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1400, priority: 7 }, toBridge[1]];
    expect(routes).toEqual(expected);
    expect(kernelRoutes).toEqual(expected);
  });

  test("is not one that IPAM puts into another table", () => {
    const routes = [{ dst: "0.0.0.0/0", gw: "10.1.0.254", table: 100 }];
    expect(plan(defaultGateway, dual, routes).routes).toEqual([...routes, ...toBridge]);
    const inMain = [{ dst: "0.0.0.0/0", gw: "10.1.0.254", table: 254 }];
    expect(plan(defaultGateway, dual, inMain).routes).toEqual([...inMain, toBridge[1]]);
  });
});

describe("the routes that the kernel is given", () => {
  test("go through the gateway of their family where they name none", () => {
    const routes = [
      { dst: "192.0.2.0/24" },
      { dst: "2001:db8::/32" },
      { dst: "198.51.100.0/24", gw: "10.1.0.7" },
    ];
    const { routes: reported, kernelRoutes } = plan(gateway, ["10.1.0.2/24", "fd00::2/64"], routes);
    expect(reported).toEqual(routes);
    expect(kernelRoutes).toEqual([
      { dst: "192.0.2.0/24", gw: "10.1.0.1" },
      { dst: "2001:db8::/32", gw: "fd00::1" },
      { dst: "198.51.100.0/24", gw: "10.1.0.7" },
    ]);
  });

  test("stay on the link where there is no gateway of their family, or where they are told to", () => {
    const routes = [{ dst: "192.0.2.0/24" }, { dst: "2001:db8::/32" }, { dst: "10.7.0.0/16", scope: 253 }];
    expect(plan(none, ["10.1.0.2/24"], routes).kernelRoutes).toEqual(routes);
    expect(plan(gateway, ["10.1.0.2/24"], routes).kernelRoutes).toEqual([
      { dst: "192.0.2.0/24", gw: "10.1.0.1" },
      { dst: "2001:db8::/32" },
      { dst: "10.7.0.0/16", scope: 253 },
    ]);
  });

  test.each<[string, object, object]>([
    ["spelled differently", { dst: "192.0.2.0/24" }, { dst: "192.0.2.77/24" }],
    ["once with its gateway", { dst: "192.0.2.0/24" }, { dst: "192.0.2.0/24", gw: "10.1.0.1" }],
    ["once with its table", { dst: "192.0.2.0/24" }, { dst: "192.0.2.0/24", table: 254 }],
    ["once with its scope", { dst: "192.0.2.0/24" }, { dst: "192.0.2.0/24", scope: 0 }],
    ["once with its metric", { dst: "192.0.2.0/24" }, { dst: "192.0.2.0/24", priority: 0 }],
  ])("hold one that IPAM gives twice, %s, once: the kernel would refuse the second", (_, first, second) => {
    expect(plan(gateway, ["10.1.0.2/24"], [first, second]).kernelRoutes).toHaveLength(1);
  });

  test("hold one for each gateway, metric and table that differs", () => {
    const dst = "192.0.2.0/24";
    const routes = [{ dst }, { dst, gw: "10.1.0.7" }, { dst, priority: 7 }, { dst, table: 100 }];
    expect(plan(gateway, ["10.1.0.2/24"], routes).kernelRoutes).toHaveLength(4);
  });

  test("of a default gateway leave a default route on the link that IPAM wants there", () => {
    const routes = [{ dst: "0.0.0.0/0", scope: 253 }];
    for (const route of plan(defaultGateway, ["10.1.0.2/24"], routes).kernelRoutes as Record<
      string,
      unknown
    >[]) {
      expect([route["scope"], route["gw"]]).not.toEqual([253, "10.1.0.1"]);
    }
  });
});

describe("any plan", () => {
  const options = fc.constantFrom(none, gateway, defaultGateway);
  const planned = (result: Result, wanted: Options): Addressing | undefined => {
    try {
      return planAddressing(result, wanted);
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 7 });
      return undefined;
    }
  };

  test("has every address of IPAM in its order, and a gateway on the bridge for each", () => {
    fc.assert(
      fc.property(results, options, (result, wanted) => {
        const made = planned(result, wanted);
        if (made === undefined) return;
        expect(made.ips.map(({ address }) => address)).toEqual(result.ips.map(({ address }) => address));
        for (const [at, ip] of made.ips.entries()) {
          expect(ip.interface).toBe(2);
          const given = result.ips[at]?.gateway;
          if (given !== undefined || !wanted.isGateway) expect(ip.gateway).toEqual(given);
          const onBridge = { address: ip.gateway, prefixLength: ip.address.prefixLength };
          if (wanted.isGateway) expect(made.gateways).toContainEqual(onBridge);
        }
        const texts = made.gateways.map(formatCidr);
        expect(new Set(texts).size).toBe(texts.length);
      }),
    );
  });

  test("keeps what IPAM says of its routes, and can be resolved again to the same", () => {
    fc.assert(
      fc.property(results, options, (result, wanted) => {
        const made = planned(result, wanted);
        if (made === undefined) return;
        for (const [at, { gateway: given, ...rest }] of result.routes.entries()) {
          expect(made.routes[at]).toMatchObject(rest);
          if (given !== undefined) expect(made.routes[at]?.gateway).toEqual(given);
        }
        expect(resolveRoutes(made.routes, made.ips)).toEqual(made.kernelRoutes);
        // 0.0.0.0 and :: say that a route has no gateway, where leaving it out asks for that of the family.
        const explicit = made.kernelRoutes.map((route) => {
          const { family } = route.destination.address;
          return { gateway: { family, value: 0n }, ...route };
        });
        expect(resolveRoutes(explicit, made.ips)).toEqual(made.kernelRoutes);
      }),
    );
  });
});
