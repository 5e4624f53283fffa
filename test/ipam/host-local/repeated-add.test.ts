import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { HostLocal, indexed, networkOf, reservations, v4, v6 } from "./subject.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

const dual = networkOf({ ranges: [[v4], [v6]] });

async function giveAddress(netns: string, address: string): Promise<void> {
  await node.exec("ip", ["link", "add", "eth0", "type", "veth", "peer", "name", "eth1"], { netns });
  await node.exec("ip", ["address", "add", address, "dev", "eth0"], { netns });
}

describe.runIf(canRun("ip"))("an ADD of an attachment that has addresses", () => {
  test("gives them again when no interface has them", async () => {
    const subject = new HostLocal(node, dual);
    const first = await subject.add("c1");
    await subject.add("c2");
    expect(await subject.add("c1")).toEqual(first);
    expect(Object.keys(reservations(node))).toHaveLength(4);
  });

  test.each([
    ["the IPv4 address", "10.1.0.2/24"],
    ["the IPv6 address", "fd00:1::2/64"],
  ])("is refused when its interface has %s", async (_, address) => {
    const subject = new HostLocal(node, dual);
    const netns = await node.addNetns("c1");
    await subject.add("c1", { netns });
    await giveAddress("c1", address);
    const before = reservations(node);
    expect(await subject.fail("ADD", "c1", { netns })).toMatchObject({
      code: 4,
      msg: `${address.replace(/\/.*/, "")} has been allocated to c1, duplicate allocation is not allowed`,
      details: expect.stringContaining("CNI_CONTAINERID=c1 CNI_IFNAME=eth0"),
    });
    expect(reservations(node)).toEqual(before);
  });

  test("is refused for another namespace too, while the first one has them", async () => {
    const subject = new HostLocal(node, dual);
    await subject.add("c1", { netns: await node.addNetns("c1") });
    await giveAddress("c1", "10.1.0.2/24");
    const netns = await node.addNetns("second");
    expect(await subject.fail("ADD", "c1", { netns })).toMatchObject({ code: 4 });
    await node.deleteNetns("c1");
    expect(await subject.add("c1", { netns })).toEqual(["10.1.0.2", "fd00:1::2"]);
  });

  test("is refused when the namespace it was made for is not known, by the one given now", async () => {
    const subject = new HostLocal(node, dual);
    await subject.add("c1", { netns: "/run/netns/c1" });
    const netns = await node.addNetns("c1");
    await giveAddress("c1", "10.1.0.2/24");
    expect(await subject.fail("ADD", "c1", { netns })).toMatchObject({ code: 4 });
  });

  test("keeps one that is requested, and exchanges one that is not the requested one", async () => {
    const subject = new HostLocal(node, dual);
    await subject.add("c1");
    expect(await subject.add("c1", { args: "IP=10.1.0.2" })).toEqual(["10.1.0.2", "fd00:1::2"]);
    expect(await subject.add("c1", { args: "IP=10.1.0.9" })).toEqual(["10.1.0.9", "fd00:1::2"]);
    expect(Object.keys(reservations(node))).toEqual(["10.1.0.9", "fd00:1::2"]);
    await subject.succeed("DEL", "c1");
    expect(reservations(node)).toEqual({});
  });

  test("exchanges one that is excluded by now", async () => {
    const subject = new HostLocal(node, networkOf({ ranges: [[v4]] }));
    await subject.add("c1");
    const stricter = subject.with(networkOf({ ranges: [[v4]], exclude: ["10.1.0.2"] }));
    expect(await stricter.add("c1")).toEqual(["10.1.0.3"]);
    expect(Object.keys(reservations(node))).toEqual(["10.1.0.3"]);
  });

  test("leaves those of other ranges to it: another plugin of the chain may have asked for them", async () => {
    const subject = new HostLocal(node, networkOf({ ranges: [[v4]] }));
    const other = subject.with(networkOf({ ranges: [[{ subnet: "10.2.0.0/24" }]] }));
    await subject.add("c1");
    expect(await other.add("c1")).toEqual(["10.2.0.2"]);
    expect(Object.keys(reservations(node))).toEqual(["10.1.0.2", "10.2.0.2"]);
    await subject.succeed("DEL", "c1");
    expect(reservations(node)).toEqual({});
    expect(indexed(node)).toEqual([]);
  });

  test("takes nothing more when one of its sets has none left", async () => {
    const small = { subnet: "10.3.0.0/30" };
    const subject = new HostLocal(node, networkOf({ ranges: [[v4], [small]] }));
    await subject.add("c1");
    const before = reservations(node);
    expect(await subject.fail("ADD", "c2")).toMatchObject({ code: 11 });
    expect(reservations(node)).toEqual(before);
    expect(await subject.add("c1")).toEqual(["10.1.0.2", "10.3.0.2"]);
  });
});
