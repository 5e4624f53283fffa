import { describe, expect, test } from "vitest";
import { parseIp } from "../../../shared/ip/address.ts";
import { parseCidr } from "../../../shared/ip/cidr.ts";
import { type KernelRoute, type Route, satisfies } from "../../../shared/netlink/route.ts";

interface Words {
  readonly dst: string;
  readonly gw?: string;
  readonly more?: Partial<KernelRoute>;
}

const route = ({ dst, gw, more }: Words): Route => {
  const destination = parseCidr(dst);
  const gateway = gw === undefined ? undefined : parseIp(gw);
  if (destination === undefined) throw new Error(dst);
  return { destination, ...(gateway === undefined ? {} : { gateway }), ...more };
};

const held = (words: Words): KernelRoute => ({
  ...route(words),
  index: 2,
  table: words.more?.table ?? 254,
  scope: words.more?.scope ?? 0,
  protocol: 3,
  isHopHidden: false,
});

const v4 = { dst: "192.0.2.0/24", gw: "10.1.0.1" };
const v6 = { dst: "2001:db8::/32", gw: "fd00::1", more: { priority: 1024 } };

describe("a route that the kernel holds", () => {
  test.each<[string, KernelRoute, Route]>([
    ["is the same", held(v4), route(v4)],
    ["has the metric that IPv6 gives by itself", held(v6), route({ ...v6, more: {} })],
    ["is in the main table, which need not be named", held(v4), route({ ...v4, more: { table: 254 } })],
    ["has more attributes than are asked for", held({ ...v4, more: { mtu: 1400, advmss: 1360 } }), route(v4)],
    [
      "has another gateway where none is asked for",
      held({ ...v4, more: { scope: 253 } }),
      route({ dst: v4.dst }),
    ],
    [
      "has all attributes",
      held({ ...v4, more: { mtu: 1400, priority: 7, table: 9 } }),
      route({ ...v4, more: { mtu: 1400, priority: 7, table: 9 } }),
    ],
    [
      "is of IPv6, where scopes mean nothing",
      held({ ...v6, more: { priority: 1024, scope: 0 } }),
      route({ ...v6, more: { scope: 253 } }),
    ],
  ])("does what is wanted if it %s", (_, present, wanted) => {
    expect(satisfies(present, wanted)).toBe(true);
  });

  test.each<[string, KernelRoute, Route]>([
    ["leads elsewhere", held({ ...v4, dst: "192.0.3.0/24" }), route(v4)],
    ["leads to a part of it only", held({ ...v4, dst: "192.0.2.0/25" }), route(v4)],
    ["goes through another gateway", held({ ...v4, gw: "10.1.0.9" }), route(v4)],
    ["has no gateway", held({ dst: v4.dst }), route(v4)],
    ["is in another table", held({ ...v4, more: { table: 9 } }), route(v4)],
    ["has another metric", held({ ...v4, more: { priority: 7 } }), route(v4)],
    ["has not the metric", held(v4), route({ ...v4, more: { priority: 7 } })],
    ["has another metric in IPv6", held({ ...v6, more: { priority: 7 } }), route({ ...v6, more: {} })],
    ["has another MTU", held({ ...v4, more: { mtu: 1400 } }), route({ ...v4, more: { mtu: 1300 } })],
    ["has no MTU", held(v4), route({ ...v4, more: { mtu: 1300 } })],
    ["has another advmss", held({ ...v4, more: { advmss: 1 } }), route({ ...v4, more: { advmss: 2 } })],
    ["has another scope", held({ ...v4, more: { scope: 253 } }), route(v4)],
    ["is of the other family", held(v6), route({ dst: "0.0.0.0/0" })],
  ])("does not do what is wanted if it %s", (_, present, wanted) => {
    expect(satisfies(present, wanted)).toBe(false);
  });
});
