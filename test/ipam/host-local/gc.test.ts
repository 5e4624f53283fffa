import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import {
  DATA_DIR,
  filesOf,
  HostLocal,
  indexed,
  networkOf,
  reference,
  reservations,
  v4,
  v6,
} from "./subject.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

/** A container whose interface has the address that it was given. */
async function attach(subject: HostLocal, id: string): Promise<string> {
  const netns = await node.addNetns(id);
  const [address] = await subject.add(id, { netns });
  await node.exec("ip", ["link", "add", "eth0", "type", "veth", "peer", "name", "eth1"], { netns: id });
  await node.exec("ip", ["address", "add", `${address}/24`, "dev", "eth0"], { netns: id });
  return String(address);
}

const owners = () => [...new Set(Object.values(reservations(node)))].sort();

describe.runIf(canRun("ip"))("GC", () => {
  test("frees exactly what is not in the list", async () => {
    const subject = new HostLocal(node, networkOf({ ranges: [[v4], [v6]] }));
    for (const id of ["c1", "c2", "c3"]) await subject.add(id);
    await subject.add("c1", { ifname: "net1" });
    expect(await subject.gc(["c1", "eth0"], ["c3", "eth0"], ["c3", "net1"])).toMatchObject({
      exitCode: 0,
      stdout: "",
    });
    expect(owners()).toEqual(["c1\r\neth0", "c3\r\neth0"]);
    expect(indexed(node)).toEqual(["c1:eth0", "c3:eth0"]);
  });

  test("keeps none for an empty list, and its bookkeeping in any case", async () => {
    const subject = new HostLocal(node);
    await subject.add("c1");
    expect(await subject.gc()).toMatchObject({ exitCode: 0 });
    expect(Object.keys(filesOf(node, `${DATA_DIR}/net`))).toEqual(["last_reserved_ip.0", "lock"]);
    expect(await subject.add("c2")).toEqual(["10.1.0.3"]);
  });

  test("needs the list: none is not the same as an empty one", async () => {
    const subject = new HostLocal(node);
    await subject.add("c1");
    expect(await subject.fail("GC")).toMatchObject({
      code: 7,
      msg: expect.stringContaining("cni.dev/valid-attachments"),
    });
    expect(owners()).toEqual(["c1\r\neth0"]);
  });

  test("frees what the reference reserved, with and without an interface's name", async () => {
    const subject = new HostLocal(node);
    const network = { ...networkOf({ ranges: [[v4]] }) };
    await new HostLocal(node, network, reference).add("theirs");
    for (const [last, text] of [
      ["50", "old"],
      ["51", "older"],
      ["52", "keep\r\neth0"],
    ]) {
      writeFileSync(node.path(`${DATA_DIR}/net/10.1.0.${last}`), String(text));
    }
    await subject.gc(["old", "net7"], ["keep", "eth0"]);
    expect(owners()).toEqual(["keep\r\neth0", "old"]);
  });

  test("keeps what is alive, whatever the list says", async () => {
    const subject = new HostLocal(node);
    await attach(subject, "alive");
    await attach(subject, "bare");
    await attach(subject, "renumbered");
    await attach(subject, "gone");
    await attach(subject, "remade");
    await node.exec("ip", ["link", "delete", "eth0"], { netns: "bare" });
    await node.exec("ip", ["address", "flush", "dev", "eth0"], { netns: "renumbered" });
    await node.deleteNetns("gone");
    await node.deleteNetns("remade");
    await node.addNetns("remade");
    await subject.gc();
    expect(owners()).toEqual(["alive\r\neth0"]);
    await node.deleteNetns("alive");
    await subject.gc();
    expect(owners()).toEqual([]);
  });

  test("still knows what is alive after the reference has changed the folder", async () => {
    const subject = new HostLocal(node);
    await attach(subject, "alive");
    await subject.add("dead");
    await new HostLocal(node, subject.config, reference).add("theirs");
    await subject.gc();
    expect(owners()).toEqual(["alive\r\neth0"]);
  });

  test("a file that was emptied is still its owner's while the owner is alive", async () => {
    const subject = new HostLocal(node);
    const them = new HostLocal(node, subject.config, reference);
    await attach(subject, "alive");
    await subject.add("dead");
    for (const address of ["10.1.0.2", "10.1.0.3"])
      writeFileSync(node.path(`${DATA_DIR}/net/${address}`), "");
    await them.add("theirs");
    await subject.succeed("CHECK", "alive");
    expect(owners()).toEqual(["alive\r\neth0", "theirs\r\neth0"]);
    await them.succeed("DEL", "alive");
    expect(owners()).toEqual(["theirs\r\neth0"]);
  });

  test("does not take a reservation that the reference has made again for the one it knew", async () => {
    const subject = new HostLocal(node);
    const [address] = [await attach(subject, "c1")];
    const them = new HostLocal(node, subject.config, reference);
    await them.succeed("DEL", "c1");
    await them.add("c1", { args: `IP=${address}` });
    // It is not known any more in which namespace the address is; the list alone decides.
    await subject.gc();
    expect(owners()).toEqual([]);
  });

  test("has nothing to do for a network without a folder, and makes none", async () => {
    expect(await new HostLocal(node).gc()).toMatchObject({ exitCode: 0, stdout: "" });
    expect(filesOf(node, DATA_DIR)).toEqual({});
  });

  test("needs no valid range", async () => {
    await new HostLocal(node).add("c1");
    expect(await new HostLocal(node, networkOf({ ranges: "nonsense" })).gc()).toMatchObject({ exitCode: 0 });
    expect(owners()).toEqual([]);
  });
});
