import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, createOutside, type Node, runModule } from "../../helpers/index.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

const onNode = <T>(statement: string): Promise<T> =>
  runModule<T>(
    node,
    `import { enableForwarding } from "./shared/attachment/forwarding.ts";
     import { findUplinkMtu } from "./shared/attachment/uplink.ts";
     import { NetlinkConnection, Protocol } from "./shared/netlink/connection.ts";
     const host = new NetlinkConnection(Protocol.route);
     const failure = (work) => { try { work(); return null; } catch (thrown) { return { code: thrown.code, message: thrown.message, details: thrown.details }; } };
     ${statement}`,
  );

const ip = (...args: string[]) => node.exec("ip", args);

describe.runIf(canRun("ip"))("the uplink", () => {
  const mtu = () => onNode<number | null>("console.log(JSON.stringify(findUplinkMtu(host) ?? null));");

  test("is unknown on a node without a way out", async () => {
    await ip("link", "add", "v0", "mtu", "1400", "type", "veth");
    await ip("link", "set", "v0", "up");
    expect(await mtu()).toBeNull();
  });

  test.each([1500, 1450, 9000, 1280])("has its MTU found: %d", async (value) => {
    await using outside = await createOutside(node, { mtu: value });
    expect(outside.uplink).toBe("uplink");
    expect(await mtu()).toBe(value);
  });

  test("is found by IPv6 where there is no IPv4", async () => {
    await using outside = await createOutside(node, { mtu: 1337 });
    await ip("-4", "route", "delete", "default", "via", outside.address4);
    expect(await mtu()).toBe(1337);
  });

  test.each(["unreachable", "blackhole", "prohibit"])(
    "is undefined where the default route is %s",
    async (kind) => {
      await ip("-4", "route", "add", kind, "default");
      await ip("-6", "route", "add", kind, "default");
      expect(await mtu()).toBeNull();
    },
  );

  test("is not the loopback interface", async () => {
    await ip("route", "add", "local", "default", "dev", "lo");
    await ip("-6", "address", "add", "2001:db8::1/128", "dev", "lo");
    expect(await mtu()).toBeNull();
  });
});

describe.runIf(canRun("ip", "sysctl"))("forwarding", () => {
  const read = async (...keys: string[]) =>
    (await node.exec("sysctl", ["-n", ...keys.map((key) => `net.${key}`)])).stdout.split("\n");
  const enable = (families: string) =>
    onNode<{ code: number; message: string; details: string } | null>(
      `console.log(JSON.stringify(failure(() => enableForwarding(host, ${families}))));`,
    );

  test("is switched on for the families that are asked for, and for no others", async () => {
    await node.exec("sysctl", ["-q", "-w", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0"]);
    const both = () => read("ipv4.ip_forward", "ipv6.conf.all.forwarding");
    await enable("[]");
    expect(await both()).toEqual(["0", "0"]);
    await enable("[4]");
    expect(await both()).toEqual(["1", "0"]);
    await enable("[6, 4]");
    expect(await both()).toEqual(["1", "1"]);
  });

  test("of IPv6 keeps the routes that routers advertise, on the links that have some", async () => {
    for (const link of ["v0", "v2"])
      await ip("link", "add", link, "type", "veth", "peer", "name", `${link}p`);
    await ip("link", "set", "v0", "up");
    await ip("link", "set", "v0p", "up");
    await ip("-6", "route", "add", "default", "dev", "v0", "protocol", "ra");
    await enable("[6]");
    expect(await read("ipv6.conf.v0.accept_ra", "ipv6.conf.v2.accept_ra")).toEqual(["2", "1"]);
  });

  test("of IPv6 leaves a link alone on which advertisements are refused", async () => {
    await ip("link", "add", "v0", "type", "veth");
    await ip("link", "set", "v0", "up");
    await node.exec("sysctl", ["-q", "-w", "net.ipv6.conf.v0.accept_ra=0"]);
    await ip("-6", "route", "add", "default", "dev", "v0", "protocol", "ra");
    await enable("[6]");
    expect(await read("ipv6.conf.v0.accept_ra")).toEqual(["0"]);
  });

  test("that cannot be switched on is told of with what to do; that is on already is fine", async () => {
    await node.exec("sysctl", ["-q", "-w", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=1"]);
    await node.exec("mount", ["-o", "bind,ro", "/proc/sys", "/proc/sys"]);
    expect(await enable("[4]")).toEqual({
      code: 5,
      message: "could not switch on IPv4 forwarding",
      details: expect.stringContaining("sysctl -w net.ipv4.ip_forward=1"),
    });
    expect(await enable("[6]")).toBeNull();
  });
});
