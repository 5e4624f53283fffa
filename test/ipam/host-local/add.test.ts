import { mkdirSync, statSync, writeFileSync } from "node:fs";
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

const dual = networkOf({ ranges: [[v4], [v6]] });

describe.runIf(canRun())("ADD", () => {
  test("gives an address of each range set, with its gateway, and no interface", async () => {
    const { json } = await new HostLocal(node, dual).run("ADD", "c1");
    expect(json).toEqual({
      cniVersion: "1.1.0",
      ips: [
        { address: "10.1.0.2/24", gateway: "10.1.0.1" },
        { address: "fd00:1::2/64", gateway: "fd00:1::1" },
      ],
    });
  });

  test("writes what the reference writes", async () => {
    const other = { ...dual, name: "other" };
    const [us, them] = [new HostLocal(node, dual), new HostLocal(node, other, reference)];
    for (const each of [us, them]) {
      for (const id of ["c1", "c2", "c3"]) await each.add(id);
      await each.succeed("DEL", "c2");
      await each.add("c4", { ifname: "net1" });
    }
    expect(filesOf(node, `${DATA_DIR}/net`)).toEqual(filesOf(node, `${DATA_DIR}/other`));
    expect(reservations(node)).toMatchObject({ "10.1.0.5": "c4\r\nnet1", "fd00:1::5": "c4\r\nnet1" });
  });

  test("keeps its files to root", async () => {
    await new HostLocal(node).add("c1");
    const mode = (path: string) => (statSync(node.path(`${DATA_DIR}/${path}`)).mode & 0o777).toString(8);
    expect(["net", "net/10.1.0.2", "net/last_reserved_ip.0", "net/lock"].map(mode)).toEqual([
      "755",
      "600",
      "600",
      "600",
    ]);
    expect([".podwire", ".podwire/net", ".podwire/net/state", ".podwire/net/c1:eth0"].map(mode)).toEqual([
      "700",
      "700",
      "600",
      "600",
    ]);
  });

  test("lets a released address rest until the round comes to it again", async () => {
    const subject = new HostLocal(node, networkOf({ ranges: [[{ subnet: "10.1.0.0/29" }]] }));
    const given: string[] = [];
    for (let round = 0; round < 12; round++) {
      given.push(...(await subject.add(`c${round}`)));
      await subject.succeed("DEL", `c${round}`);
    }
    const cycle = [2, 3, 4, 5, 6].map((last) => `10.1.0.${last}`);
    expect(given).toEqual([...cycle, ...cycle, ...cycle].slice(0, 12));
  });

  test("begins at the start when the last address on disk is not in the range", async () => {
    const subject = new HostLocal(node);
    await subject.add("c1");
    for (const [index, text] of ["", "nonsense", "10.9.0.1", "fd00::1", "10.1.0.155.1"].entries()) {
      writeFileSync(node.path(`${DATA_DIR}/net/last_reserved_ip.0`), text);
      expect(await subject.add(`after-${index}`)).toEqual([`10.1.0.${index + 3}`]);
    }
  });

  test("writes the last address whole, shorter or longer than the one before", async () => {
    const range = { ...v4, rangeStart: "10.1.0.98" };
    const subject = new HostLocal(node, networkOf({ ranges: [[{ ...range, rangeEnd: "10.1.0.101" }]] }));
    const last = () => filesOf(node, `${DATA_DIR}/net`)["last_reserved_ip.0"];
    for (const expected of ["98", "99", "100", "101", "98"]) {
      await subject.add("c1");
      expect(last()).toBe(`10.1.0.${expected}`);
      await subject.succeed("DEL", "c1");
    }
  });

  test("never gives what is excluded", async () => {
    const range = { ...v4, rangeEnd: "10.1.0.20", exclude: ["10.1.0.4/30"] };
    const subject = new HostLocal(node, networkOf({ exclude: ["10.1.0.3", "10.1.0.9"], ranges: [[range]] }));
    const given = [];
    for (let index = 0; index < 3; index++) given.push(...(await subject.add(`c${index}`)));
    expect(given).toEqual(["10.1.0.2", "10.1.0.8", "10.1.0.10"]);
    // An address that was given before it was excluded is still released.
    const stricter = subject.with(networkOf({ exclude: ["10.1.0.2"], ranges: [[v4]] }));
    await stricter.succeed("CHECK", "c0");
    await stricter.succeed("DEL", "c0");
    expect(reservations(node)).not.toHaveProperty("10.1.0.2");
  });

  test("gives requested addresses, and the next free one of the other sets", async () => {
    const subject = new HostLocal(node, dual);
    expect(await subject.add("c1", { args: "IP=fd00:1::9" })).toEqual(["10.1.0.2", "fd00:1::9"]);
    const capability = subject.with({ runtimeConfig: { ips: ["10.1.0.9/24", "fd00:1::a"] } });
    expect(await capability.add("c2")).toEqual(["10.1.0.9", "fd00:1::a"]);
    expect(await subject.with({ args: { cni: { ips: ["10.1.0.11"] } } }).add("c3")).toEqual([
      "10.1.0.11",
      "fd00:1::2",
    ]);
  });

  test("refuses a requested address that another attachment has, and takes nothing then", async () => {
    const subject = new HostLocal(node, dual);
    await subject.add("c1");
    const before = reservations(node);
    const error = await subject.fail("ADD", "c2", { args: "IP=fd00:1::2" });
    expect(error).toMatchObject({ code: 11, msg: expect.stringContaining("fd00:1::2 is not available") });
    expect(error.msg).toContain("container c1 eth0");
    expect(reservations(node)).toEqual(before);
  });

  test("reads the DNS settings from a file in the form of resolv.conf", async () => {
    writeFileSync(node.path("/run/resolv.conf"), "nameserver 192.0.2.1\nsearch a.example\noptions rotate\n");
    const subject = new HostLocal(node, networkOf({ ranges: [[v4]], resolvConf: "/run/resolv.conf" }));
    const { json } = await subject.run("ADD", "c1");
    expect(json.dns).toEqual({ nameservers: ["192.0.2.1"], search: ["a.example"], options: ["rotate"] });
  });

  test("takes no address when that file is missing", async () => {
    const subject = new HostLocal(node, networkOf({ ranges: [[v4]], resolvConf: "/run/none" }));
    expect(await subject.fail("ADD", "c1")).toMatchObject({
      code: 5,
      msg: expect.stringContaining("/run/none"),
      details: expect.stringContaining("ipam.resolvConf"),
    });
    expect(filesOf(node, DATA_DIR)).toEqual({});
  });

  test("changes nothing when the configuration is invalid", async () => {
    const subject = new HostLocal(node, networkOf({ ranges: [[v4], [v4]] }));
    expect(await subject.fail("ADD", "c1")).toMatchObject({ code: 7 });
    expect(await subject.fail("ADD", "c1", { args: "IP=nonsense" })).toMatchObject({ code: 7 });
    expect(filesOf(node, DATA_DIR)).toEqual({});
  });

  test.each([
    ["one too long for a file's name beside an interface's", "c".repeat(250), "a-longer-name.1"],
    ["the longest there can be", "c".repeat(239), "eth0"],
    ["one of letters beyond ASCII in the interface's name", "c1", "é.@-ü"],
  ])("takes names of every kind: %s", async (_, containerId, ifname) => {
    const subject = new HostLocal(node);
    await subject.add(containerId, { ifname });
    expect(reservations(node)).toEqual({ "10.1.0.2": `${containerId}\r\n${ifname}` });
    await subject.succeed("CHECK", containerId, { ifname });
    await subject.succeed("DEL", containerId, { ifname: "other" });
    expect(indexed(node)).toHaveLength(1);
    await subject.succeed("DEL", containerId, { ifname });
    expect(reservations(node)).toEqual({});
    expect(indexed(node)).toEqual([]);
  });

  test("keeps networks and folders apart", async () => {
    const subject = new HostLocal(node);
    const other = subject.with({ name: "other.net" });
    const elsewhere = new HostLocal(node, networkOf({ ranges: [[v4]], dataDir: "/run/deep/er" }));
    expect(await Promise.all([subject.add("c1"), other.add("c1"), elsewhere.add("c1")])).toEqual(
      Array(3).fill(["10.1.0.2"]),
    );
    await other.succeed("DEL", "c1");
    expect(reservations(node)).toEqual({ "10.1.0.2": "c1\r\neth0" });
    expect(reservations(node, "net", "/run/deep/er")).toEqual({ "10.1.0.2": "c1\r\neth0" });
    expect(reservations(node, "other.net")).toEqual({});
  });

  test("gives 100 attachments at once 100 addresses", async () => {
    const subject = new HostLocal(node, dual);
    const ids = Array.from({ length: 100 }, (_, index) => `c${index}`);
    const given = await Promise.all(ids.map((id) => subject.add(id)));
    expect(new Set(given.flat()).size).toBe(200);
    expect(Object.keys(reservations(node)).sort()).toEqual(given.flat().sort());
    await Promise.all(ids.map((id) => subject.succeed("DEL", id)));
    expect(reservations(node)).toEqual({});
    expect(indexed(node)).toEqual([]);
  });

  test("leaves alone what is not a reservation", async () => {
    mkdirSync(node.path(`${DATA_DIR}/net/10.1.0.4`), { recursive: true });
    const notes = {
      README: "kept by hand\n",
      "10.1.0.2": "kept for the printer, by ops\n",
      "10.1.0.3.bak": "",
    };
    for (const [name, text] of Object.entries(notes))
      writeFileSync(node.path(`${DATA_DIR}/net/${name}`), text);
    const subject = new HostLocal(node);
    expect(await subject.add("c1")).toEqual(["10.1.0.3"]);
    expect(await subject.add("c2")).toEqual(["10.1.0.5"]);
    await subject.gc();
    expect(reservations(node)).toEqual(notes);
  });
});
