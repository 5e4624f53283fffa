import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../../helpers/index.ts";
import { doOnNode, onNode, witness } from "./run.ts";

interface IpAddress {
  readonly ifname: string;
  readonly addr_info: readonly {
    readonly local: string;
    readonly prefixlen: number;
    readonly broadcast?: string;
    readonly scope: string;
    readonly nodad?: true;
    readonly tentative?: true;
    readonly dadfailed?: true;
  }[];
}

interface Listed {
  readonly index: number;
  readonly cidr: string;
  readonly tentative: boolean;
  readonly duplicate: boolean;
  readonly scope: number;
}

let node: Node;
beforeEach(async () => {
  node = await createNode();
  const peer = ["mtu", "1500", "type", "veth", "peer", "name", "v1"];
  await node.exec("ip", ["link", "add", "v0", ...peer]);
  return () => node.dispose();
});

const ipAddresses = async (link = "v0") => {
  const [found] = await node.execJson<IpAddress[]>("ip", ["-j", "address", "show", "dev", link]);
  return found?.addr_info ?? [];
};

const add = (cidr: string, detectDuplicates = false) =>
  `host.execute(addresses.addAddress(links.findLink(host, "v0").index, parseCidr("${cidr}"), { detectDuplicates: ${detectDuplicates} }));`;

const remove = (cidr: string) =>
  `host.execute(addresses.deleteAddress(links.findLink(host, "v0").index, parseCidr("${cidr}")));`;

const list = (selection = "") =>
  onNode<Listed[]>(
    node,
    `say(addresses.listAddresses(host${selection}).map((each) => ({
      ...each, cidr: formatCidr(each.cidr) })));`,
  );

const up = (...names: string[]) =>
  Promise.all(names.map((name) => node.exec("ip", ["link", "set", name, "up"])));

describe.runIf(canRun("ip"))("an address", () => {
  test.each([
    ["10.1.0.2/24", "10.1.0.255"],
    ["10.1.0.2/8", "10.255.255.255"],
    ["10.1.0.2/30", "10.1.0.3"],
    ["10.1.0.2/31", undefined],
    ["10.1.0.2/32", undefined],
  ])("%s is added with the broadcast address %s", async (cidr, broadcast) => {
    await doOnNode(node, add(cidr));
    const [local = "", length] = cidr.split("/");
    const [found] = await ipAddresses();
    expect(found).toMatchObject({ local, prefixlen: Number(length), scope: "global" });
    expect(found?.broadcast).toBe(broadcast);
  });

  test.each(["10.1.0.2/24", "fd00::2/64"])("%s may make no route to its network", async (cidr) => {
    await up("v0", "v1");
    const addAlone = (withoutPrefixRoute: boolean) =>
      doOnNode(
        node,
        `host.execute(addresses.addAddress(links.findLink(host, "v0").index, parseCidr("${cidr}"),
          { detectDuplicates: false, withoutPrefixRoute: ${withoutPrefixRoute} }));`,
      );
    const family = cidr.includes(":") ? "-6" : "-4";
    const networks = async () => {
      const routes = await node.execJson<{ dst: string }[]>("ip", [family, "-j", "route"]);
      return routes.map(({ dst }) => dst).filter((dst) => !dst.startsWith("fe80:"));
    };
    await addAlone(true);
    expect(await networks()).toEqual([]);
    await doOnNode(node, remove(cidr));
    await addAlone(false);
    expect(await networks()).toEqual([cidr.replace(/2\//, "0/").replace("::0/", "::/")]);
  });

  test("of IPv6 is usable at once when no other node can have it", async () => {
    await up("v0", "v1");
    await doOnNode(node, add("fd00::2/64"));
    const found = (await ipAddresses()).find(({ local }) => local === "fd00::2");
    expect(found).toMatchObject({ prefixlen: 64, nodad: true });
    expect(found?.tentative).toBeUndefined();
    expect(await list()).toContainEqual(expect.objectContaining({ cidr: "fd00::2/64", tentative: false }));
  });

  test("of IPv6 is tentative until duplicate detection is over, if that is asked for", async () => {
    // Without a carrier, detection cannot begin.
    await up("v0");
    await doOnNode(node, add("fd00::2/64", true));
    expect(await ipAddresses()).toContainEqual(
      expect.objectContaining({ local: "fd00::2", tentative: true }),
    );
    expect(await list()).toContainEqual(expect.objectContaining({ cidr: "fd00::2/64", tentative: true }));
  });

  test("that another node has is marked as a duplicate", async () => {
    await node.addNetns("c");
    await node.exec("ip", ["link", "set", "v1", "netns", "c"]);
    await node.exec("ip", ["link", "set", "v1", "up"], { netns: "c" });
    await node.exec("ip", ["address", "add", "fd00::2/64", "dev", "v1", "nodad"], { netns: "c" });
    await up("v0");
    await doOnNode(node, add("fd00::2/64", true));
    const isDuplicate = async () => (await list()).find(({ cidr }) => cidr === "fd00::2/64")?.duplicate;
    await expect.poll(isDuplicate, { timeout: 20_000 }).toBe(true);
    expect(await ipAddresses()).toContainEqual(
      expect.objectContaining({ local: "fd00::2", dadfailed: true }),
    );
  });

  test.each(["10.1.0.2/24", "fd00::2/64"])("%s that is there already is refused", async (cidr) => {
    await doOnNode(node, add(cidr));
    expect(await onNode(node, `say(failure(() => { ${add(cidr)} }));`)).toMatchObject({
      errno: 17,
      message: expect.stringMatching(new RegExp(`^could not add the address ${cidr} to the interface v0: `)),
    });
  });

  test.each(["10.1.0.2/24", "fd00::2/64"])(
    "%s is removed, and its removal refused when it is gone",
    async (cidr) => {
      await doOnNode(node, `${add(cidr)}\n${remove(cidr)}`);
      expect(await ipAddresses()).toEqual([]);
      expect(await onNode(node, `say(failure(() => { ${remove(cidr)} }));`)).toMatchObject({ errno: 99 });
    },
  );
});

describe.runIf(canRun("ip"))("the list of addresses", () => {
  const given = ["10.1.0.2/24", "10.1.0.3/32", "192.0.2.9/31", "fd00::2/64", "2001:db8::7/128"];

  test("is that of ip(8) and of the package netlink", async () => {
    await up("v0", "v1");
    for (const cidr of given) await doOnNode(node, add(cidr));
    const ours = (await list()).map(({ cidr }) => cidr);
    const all = await node.execJson<IpAddress[]>("ip", ["-j", "address"]);
    const theirs = all.flatMap(({ addr_info }) =>
      addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    );
    expect(ours.sort()).toEqual(theirs.sort());
    expect(ours).toEqual(expect.arrayContaining(given));
    expect(await witness(node, "getAddresses")).toHaveLength(ours.length);
  });

  test("is cut to a link and to families by the kernel", async () => {
    for (const cidr of given) await doOnNode(node, add(cidr));
    const index = 'links.findLink(host, "v0").index';
    const of = async (selection: string) => (await list(selection)).map(({ cidr }) => cidr).sort();
    expect(await of(`, ${index}`)).toEqual([...given].sort());
    expect(await of(`, ${index}, [4]`)).toEqual(given.filter((cidr) => !cidr.includes(":")).sort());
    expect(await of(`, ${index}, [6]`)).toEqual(given.filter((cidr) => cidr.includes(":")).sort());
    expect(await of(', links.findLink(host, "lo").index')).toEqual(["127.0.0.1/8", "::1/128"]);
  });

  test("has the scope of global addresses, and of those of the link and of the host", async () => {
    await up("v0", "v1");
    for (const cidr of given) await doOnNode(node, add(cidr));
    const isLinkLocal = ({ cidr }: Listed) => cidr.startsWith("fe80:");
    await expect.poll(async () => (await list()).filter(isLinkLocal).length).toBe(2);
    const listed = await list();
    const globals = listed.filter(({ scope }) => scope === 0).map(({ cidr }) => cidr);
    expect(globals.sort()).toEqual([...given].sort());
    expect(listed.find(isLinkLocal)?.scope).toBe(253);
    expect(listed.find(({ cidr }) => cidr === "::1/128")?.scope).toBe(254);
  });

  test("has the near end of a point-to-point address", async () => {
    await node.exec("ip", ["address", "add", "10.1.0.2", "peer", "10.1.0.99/24", "dev", "v0"]);
    expect((await list(', links.findLink(host, "v0").index')).map(({ cidr }) => cidr)).toEqual([
      "10.1.0.2/24",
    ]);
  });
});
