import { beforeEach, describe, expect, test, vi } from "vitest";
import { canRun, createNode, type Node } from "../../../helpers/index.ts";
import { doOnNode, onNode, witness } from "./run.ts";

interface IpRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev: string;
  readonly prefsrc?: string;
  readonly metric?: number;
  readonly table?: string;
  readonly scope?: string;
  readonly protocol: string;
  readonly metrics?: readonly Record<string, number>[];
  readonly nexthops?: readonly { readonly gateway: string }[];
}

let node: Node;
beforeEach(async () => {
  node = await createNode();
  const batch = [
    "link add v0 mtu 1500 type veth peer name v1",
    "link set v0 up",
    "link set v1 up",
    "address add 10.1.0.2/24 dev v0",
    "address add fd00::2/64 dev v0 nodad",
  ];
  await node.exec("ip", ["-batch", "-"], { input: `${batch.join("\n")}\n` });
  return () => node.dispose();
});

/** A statement that adds a route through v0; `more` is what else it has. */
const add = (destination: string, gateway = "", more = "{}") =>
  `host.execute(routes.addRoute(links.findLink(host, "v0").index, {
    destination: parseCidr("${destination}"), gateway: parseIp("${gateway}"), ...${more} }));`;

const ipRoutes = (family: 4 | 6, ...selection: string[]) =>
  node.execJson<IpRoute[]>("ip", [`-${family}`, "-d", "-j", "route", "show", ...selection]);

const find = async (family: 4 | 6, destination: string, ...selection: string[]) =>
  (await ipRoutes(family, ...selection)).filter(({ dst }) => dst === destination);

interface Listed {
  readonly destination: string;
  readonly gateway?: string;
  readonly index: number;
  readonly table: number;
  readonly priority?: number;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly scope: number;
  readonly protocol: number;
}

const list = (filter: string) =>
  onNode<Listed[]>(
    node,
    `say(routes.listRoutes(host, ${filter}).map((route) => ({ ...route, destination: formatCidr(route.destination),
      gateway: route.gateway && formatIp(route.gateway) })));`,
  );

describe.runIf(canRun("ip"))("a route", () => {
  test("has all that it is given, in IPv4", async () => {
    const more = "{ mtu: 1300, advmss: 1200, priority: 7, table: 5000 }";
    await doOnNode(node, add("192.0.2.0/24", "10.1.0.1", more));
    const [route] = await find(4, "192.0.2.0/24", "table", "5000");
    expect(route).toMatchObject({ gateway: "10.1.0.1", dev: "v0", metric: 7, protocol: "boot" });
    expect(route?.metrics).toEqual([{ mtu: 1300, advmss: 1200 }]);
    expect(await list("{ family: 4, table: 5000 }")).toMatchObject([
      { destination: "192.0.2.0/24", gateway: "10.1.0.1", mtu: 1300, advmss: 1200, priority: 7, table: 5000 },
    ]);
  });

  test("has all that it is given, in IPv6", async () => {
    const more = "{ mtu: 1300, advmss: 1200, priority: 7, table: 100 }";
    await doOnNode(node, add("2001:db8::/32", "fd00::1", more));
    const [route] = await find(6, "2001:db8::/32", "table", "100");
    expect(route).toMatchObject({ gateway: "fd00::1", dev: "v0", metric: 7, protocol: "boot" });
    expect(route?.metrics).toEqual([{ mtu: 1300, advmss: 1200 }]);
  });

  test.each(["10.1.0.1", "fd00::1"])("may be the default, through %s", async (gateway) => {
    const [family, everything] = gateway.includes(":") ? ([6, "::/0"] as const) : ([4, "0.0.0.0/0"] as const);
    await doOnNode(node, add(everything, gateway));
    expect(await find(family, "default")).toMatchObject([{ gateway, dev: "v0" }]);
    expect(await list(`{ family: ${family}, table: 254 }`)).toContainEqual(
      expect.objectContaining({ destination: everything, gateway }),
    );
  });

  test("without a gateway is on the link", async () => {
    await doOnNode(node, add("192.0.2.0/24"));
    expect(await find(4, "192.0.2.0/24")).toMatchObject([{ scope: "link" }]);
    await doOnNode(node, add("192.0.2.0/25", "", "{ scope: 0 }"));
    expect(await find(4, "192.0.2.0/25")).toMatchObject([{ scope: "global" }]);
    await doOnNode(node, add("2001:db8::/32"));
    expect((await find(6, "2001:db8::/32"))[0]?.gateway).toBeUndefined();
  });

  test("comes before another one to the same destination, or beside it", async () => {
    for (const gateway of ["10.1.0.1", "10.1.0.9"]) await doOnNode(node, add("192.0.2.0/24", gateway));
    expect((await find(4, "192.0.2.0/24")).map((route) => route.gateway)).toEqual(["10.1.0.9", "10.1.0.1"]);
    for (const gateway of ["fd00::1", "fd00::9"]) await doOnNode(node, add("2001:db8::/32", gateway));
    const [route] = await find(6, "2001:db8::/32");
    expect(route?.nexthops?.map(({ gateway }) => gateway)).toEqual(["fd00::1", "fd00::9"]);
  });

  test.each([
    ["192.0.2.0/24", "10.1.0.2"],
    ["2001:db8::/32", "fd00::2"],
  ])("to %s may say from which address", async (destination, source) => {
    const family = source.includes(":") ? 6 : 4;
    await doOnNode(node, add(destination, "", `{ source: parseIp("${source}") }`));
    expect(await find(family, destination)).toMatchObject([{ prefsrc: source }]);
    const listed = await onNode<string[]>(
      node,
      `say(routes.listRoutes(host, { family: ${family} }).filter((route) => formatCidr(route.destination) === "${destination}")
        .map((route) => formatIp(route.source)));`,
    );
    expect(listed).toEqual([source]);
  });

  test.each(["192.0.2.2/32", "2001:db8::2/128"])(
    "to %s is refused when it is to be the only one",
    async (cidr) => {
      const [destination = ""] = cidr.split("/");
      const exclusive = `host.execute(routes.addRoute(links.findLink(host, "v0").index, { destination: parseCidr("${cidr}") }, "exclusive"));`;
      await doOnNode(node, exclusive);
      expect(await find(cidr.includes(":") ? 6 : 4, destination)).toMatchObject([{ dev: "v0" }]);
      const refused = await onNode<{ errno: number }>(node, `say(failure(() => { ${exclusive} }));`);
      expect(refused).toMatchObject({ name: "NetlinkError", errno: 17 });
    },
  );

  test("through an unreachable gateway is refused, in words that name it", async () => {
    const refused = await onNode<{ message: string }>(
      node,
      `say(failure(() => { ${add("192.0.2.0/24", "198.51.100.1")} }));`,
    );
    expect(refused.message).toMatch(
      /^could not add the route 192\.0\.2\.0\/24 via 198\.51\.100\.1 to the interface v0: .*\(kernel: .*gateway/i,
    );
  });
});

describe.runIf(canRun("ip"))("the list of routes", () => {
  test.each([4, 6] as const)(
    "is that of ip(8) in all tables, and of the package netlink: IPv%d",
    async (family) => {
      const [destination, gateway] =
        family === 4 ? ["192.0.2.0/24", "10.1.0.1"] : ["2001:db8::/32", "fd00::1"];
      await doOnNode(node, add(destination, gateway, "{ table: 5000 }"));
      await doOnNode(node, add(destination, gateway));
      const whole = (dst: string) => (dst === "default" ? (family === 4 ? "0.0.0.0/0" : "::/0") : dst);
      const withLength = (dst: string) => (dst.includes("/") ? dst : `${dst}/${family === 4 ? 32 : 128}`);
      const numbers = { 4: 2, 6: 10 };
      // Routes of link-local addresses come by themselves when their detection ends: ask all three until they agree.
      const differences = async () => {
        const expected = (await ipRoutes(family, "table", "all"))
          .map(({ dst }) => withLength(whole(dst)))
          .sort();
        const ours = (await list(`{ family: ${family} }`)).map((route) => route.destination).sort();
        const seen = (await witness(node, "getRoutes")).filter(
          ({ data }) => data["family"] === numbers[family],
        );
        return { missing: expected.length - seen.length, expected: expected.join(), ours: ours.join() };
      };
      const expectAgreement = async () => {
        const { missing, expected, ours } = await differences();
        expect(ours).toBe(expected);
        expect(missing).toBe(0);
      };
      await vi.waitFor(expectAgreement, { timeout: 10_000, interval: 500 });
    },
  );

  test("is cut to a table, a link and a protocol", async () => {
    await doOnNode(node, add("192.0.2.0/24", "10.1.0.1", "{ table: 5000 }"));
    await doOnNode(node, add("198.51.100.0/24", "10.1.0.1"));
    await node.exec("ip", ["route", "add", "203.0.113.0/24", "dev", "lo", "protocol", "static"]);
    const of = async (filter: string) =>
      (await list(`{ family: 4, ${filter} }`)).map((route) => route.destination);
    expect(await of("table: 5000")).toEqual(["192.0.2.0/24"]);
    expect((await of("table: 254")).sort()).toEqual(["10.1.0.0/24", "198.51.100.0/24", "203.0.113.0/24"]);
    expect(await of("protocol: 4")).toEqual(["203.0.113.0/24"]);
    expect(await of('index: links.findLink(host, "lo").index, table: 254')).toEqual(["203.0.113.0/24"]);
    const ours = await of('index: links.findLink(host, "v0").index, protocol: 3');
    expect(ours.sort()).toEqual(["192.0.2.0/24", "198.51.100.0/24"]);
    expect(await of("table: 77")).toEqual([]);
  });
});

describe.runIf(canRun("ip"))("the way to an address", () => {
  const way = (address: string) =>
    onNode<string>(
      node,
      `const index = routeLookups.findOutputInterface(host, parseIp("${address}"));
       say(index === undefined ? "none" : links.findLinkByIndex(host, index).name);`,
    );

  test("is out of the interface that ip(8) finds, or undefined", async () => {
    expect(await way("10.1.0.9")).toBe("v0");
    expect(await way("127.0.0.5")).toBe("lo");
    expect(await way("10.1.0.2")).toBe("lo");
    expect(await way("fd00::9")).toBe("v0");
    expect(await way("192.0.2.1")).toBe("none");
    expect(await way("2001:db8::1")).toBe("none");
    await node.exec("ip", ["route", "add", "192.0.2.0/24", "via", "10.1.0.1"]);
    expect(await way("192.0.2.1")).toBe("v0");
  });

  test.each(["unreachable", "blackhole", "prohibit"])(
    "is undefined where the routes say %s",
    async (kind) => {
      await node.exec("ip", ["route", "add", kind, "192.0.2.0/24"]);
      expect(await way("192.0.2.1")).toBe("none");
    },
  );

  test("that routers advertised is known by its link", async () => {
    const advertised = () =>
      onNode<string[]>(
        node,
        "say(routes.linksWithAdvertisedRoutes(host).map((index) => links.findLinkByIndex(host, index).name));",
      );
    expect(await advertised()).toEqual([]);
    for (const dst of ["default", "2001:db8::/32"]) {
      await node.exec("ip", ["-6", "route", "add", dst, "via", "fd00::1", "dev", "v0", "protocol", "ra"]);
    }
    expect(await advertised()).toEqual(["v0"]);
  });
});
