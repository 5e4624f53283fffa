import { describe, expect, test } from "vitest";
import { checkIsUp, checkMtu, findReported, ipsOf } from "../../../shared/attachment/check.ts";
import type { Result } from "../../../shared/cni/result.ts";
import { readResult } from "../../../shared/cni/result-input.ts";
import { formatCidr } from "../../../shared/ip/cidr.ts";
import type { Link } from "../../../shared/netlink/link.ts";

const result: Result = readResult(
  {
    cniVersion: "1.0.0",
    interfaces: [
      { name: "br0" },
      { name: "eth0" },
      { name: "eth0", sandbox: "/run/netns/c", mac: "0a:00:00:00:00:01" },
      { name: "eth1", sandbox: "/run/netns/c" },
    ],
    ips: [
      { address: "10.1.0.2/24", interface: 2 },
      { address: "10.2.0.2/24", interface: 3 },
      { address: "fd00::2/64" },
    ],
  },
  "1.0.0",
  "prevResult",
);

describe("the interface that CHECK looks at", () => {
  test("is the container's of that name, not the host's", () => {
    expect(findReported(result, "eth0")).toEqual({ index: 2, reported: result.interfaces[2] });
    expect(findReported(result, "eth1").index).toBe(3);
  });

  test.each(["br0", "eth2", ""])("is missed when the result has no %j in a container", (ifname) => {
    expect(() => findReported(result, ifname)).toThrow(
      expect.objectContaining({ code: 7, message: expect.stringContaining(JSON.stringify(ifname)) }),
    );
  });

  test("has the addresses that name it, and those that name none", () => {
    const of = (index: number) => ipsOf(result, index).map(({ address }) => formatCidr(address));
    expect(of(2)).toEqual(["10.1.0.2/24", "fd00::2/64"]);
    expect(of(3)).toEqual(["10.2.0.2/24", "fd00::2/64"]);
  });
});

const link = (name: string, more: Partial<Link>) => ({ name, isUp: true, mtu: 1500, ...more }) as Link;

describe("drift", () => {
  test("is an interface that is down", () => {
    expect(() => checkIsUp(link("eth0", {}), "in c")).not.toThrow();
    expect(() => checkIsUp(link("eth0", { isUp: false }), "in c")).toThrow("the interface eth0 in c is down");
  });

  test.each([
    [1500, 1500, true],
    [1280, 1500, true],
    [1501, 1500, false],
  ])("is an MTU of %d where the other end has %d: fine is %s", (inside, outside, isFine) => {
    const check = () => checkMtu(link("eth0", { mtu: inside }), link("veth0", { mtu: outside }));
    if (isFine) expect(check).not.toThrow();
    else
      expect(check).toThrow(
        expect.objectContaining({ code: 999, message: expect.stringContaining("veth0") }),
      );
  });
});
