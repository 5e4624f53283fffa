import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planAddressing } from "../../../plugins/ptp/addressing.ts";
import { readResult } from "../../../shared/cni/result-input.ts";
import { formatIp } from "../../../shared/ip/address.ts";
import { contains, formatCidr } from "../../../shared/ip/cidr.ts";
import type { Route } from "../../../shared/netlink/route.ts";
import { results } from "../../shared/cni/arbitraries.ts";

const said = ({ destination, gateway, source }: Route) =>
  [
    formatCidr(destination),
    gateway === undefined ? "" : ` via ${formatIp(gateway)}`,
    source === undefined ? "" : ` from ${formatIp(source)}`,
  ].join("");

/** The plan for addresses ("10.1.0.2/24" or "10.1.0.2/24 via 10.1.0.1") and routes, in words. */
const plan = (ips: readonly string[], routes: readonly object[] = []) => {
  const given = ips.map((ip) => {
    const [address, gateway] = ip.split(" via ");
    return gateway === undefined ? { address } : { address, gateway };
  });
  const made = planAddressing(readResult({ cniVersion: "1.1.0", ips: given, routes }, "1.1.0", "ipam"));
  return { routes: made.routes.map(said), gateways: made.gateways.map(formatIp) };
};

describe("the plan of a routed link", () => {
  test("has the gateway on the link, and all else behind it", () => {
    expect(plan(["10.1.0.2/24 via 10.1.0.1", "fd00::2/64 via fd00::1"], [{ dst: "0.0.0.0/0" }])).toEqual({
      routes: [
        "10.1.0.1/32 from 10.1.0.2",
        "fd00::1/128 from fd00::2",
        "10.1.0.0/24 via 10.1.0.1 from 10.1.0.2",
        "fd00::/64 via fd00::1 from fd00::2",
        "0.0.0.0/0 via 10.1.0.1",
      ],
      gateways: ["10.1.0.1", "fd00::1"],
    });
  });

  test("takes an address of the link for a gateway where IPAM has none", () => {
    expect(plan(["10.1.0.2/32", "fd00::2/64"])).toEqual({
      routes: [
        "169.254.1.1/32 from 10.1.0.2",
        "fe80::1/128 from fd00::2",
        "fd00::/64 via fe80::1 from fd00::2",
      ],
      gateways: ["169.254.1.1", "fe80::1"],
    });
  });

  test("has a gateway and a network of two addresses once", () => {
    expect(plan(["10.1.0.2/24 via 10.1.0.1", "10.1.0.3/24 via 10.1.0.1"])).toEqual({
      routes: ["10.1.0.1/32 from 10.1.0.2", "10.1.0.0/24 via 10.1.0.1 from 10.1.0.2"],
      gateways: ["10.1.0.1"],
    });
  });

  test("does not repeat what IPAM says of the gateway and the network", () => {
    const routes = [
      { dst: "10.1.0.1/32" },
      { dst: "10.1.0.0/24", gw: "10.1.0.1" },
      { dst: "10.1.0.1/32", scope: 253 },
    ];
    expect(plan(["10.1.0.2/24 via 10.1.0.1"], routes).routes).toEqual([
      "10.1.0.1/32 from 10.1.0.2",
      "10.1.0.0/24 via 10.1.0.1 from 10.1.0.2",
    ]);
  });

  test("lets a route have a gateway that IPAM puts on the link", () => {
    const routes = [
      { dst: "192.0.2.0/24", scope: 253 },
      { dst: "0.0.0.0/0", gw: "192.0.2.7" },
    ];
    expect(plan(["10.1.0.2/32"], routes).routes.slice(1)).toEqual([
      "192.0.2.0/24",
      "0.0.0.0/0 via 192.0.2.7",
    ]);
  });

  test("has for every result of IPAM a way to each gateway, or is refused", () => {
    fc.assert(
      fc.property(results, (result) => {
        let made: ReturnType<typeof planAddressing>;
        try {
          made = planAddressing(result);
        } catch (thrown) {
          expect(thrown).toMatchObject({ name: "CniError", code: 7 });
          return;
        }
        const onLink = made.routes.filter(({ gateway }) => gateway === undefined);
        for (const { gateway } of made.routes) {
          if (gateway === undefined || formatIp(gateway).startsWith("fe80:")) continue;
          expect(onLink.some(({ destination }) => contains(destination, gateway))).toBe(true);
        }
        expect(made.ips.map(({ interface: index }) => index)).toEqual(made.ips.map(() => 1));
      }),
    );
  });
});
