import { readlinkSync, utimesSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node, type RunningCommand } from "../../helpers/index.ts";
import { DATA_DIR, filesOf, HostLocal, networkOf, reservations, v6 } from "./subject.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

/** Three addresses: .2, .4 and .5. */
const small = { subnet: "10.1.0.0/29", exclude: ["10.1.0.3", "10.1.0.6"] };
const network = networkOf({ ranges: [[v6], [small]] });

async function fill(subject: HostLocal): Promise<void> {
  for (const id of ["c1", "c2", "c3"]) await subject.add(id);
}

/** A process that is alone in a network namespace. */
async function inNamespaceOfOwn(on: Node): Promise<RunningCommand> {
  const running = on.start("unshare", ["--net", "sh", "-c", "echo; exec sleep 60"]);
  await running.firstLine();
  return running;
}

/** Does what the main plugin does with an address of the IPAM plugin. */
const addAddress = (on: Node, netns: string, address: string) =>
  on.exec("nsenter", [`--net=${netns}`, "ip", "-batch", "-"], {
    input: `link add eth0 type bridge\naddress add ${address}/29 dev eth0\n`,
  });

const namespaceOf = (pid: number): string => readlinkSync(`/proc/${pid}/ns/net`);

describe.runIf(canRun("ip"))("a range set without a free address", () => {
  test("is named by ADD, with its use and its oldest reservation", async () => {
    const subject = new HostLocal(node, network);
    await fill(subject);
    const day = new Date("2026-01-02T03:04:05Z");
    utimesSync(node.path(`${DATA_DIR}/net/10.1.0.4`), day, day);
    expect(await subject.fail("ADD", "c4")).toEqual({
      cniVersion: "1.1.0",
      code: 11,
      msg: "failed to allocate for range 1: no IP addresses available in range set: 10.1.0.1-10.1.0.6: 3 of 3 used",
      details: expect.stringContaining(
        "the oldest reservation is 10.1.0.4, since 2026-01-02T03:04:05.000Z, of c2;",
      ),
    });
    expect(Object.keys(reservations(node)).filter((name) => name.includes(":"))).toHaveLength(3);
  });

  test("makes STATUS fail with code 50, until an address is free", async () => {
    const subject = new HostLocal(node, network);
    await subject.succeed("STATUS");
    await fill(subject);
    expect(await subject.fail("STATUS")).toMatchObject({
      code: 50,
      msg: expect.stringContaining("no IP addresses available in range set: 10.1.0.1-10.1.0.6: 3 of 3 used"),
    });
    await subject.succeed("DEL", "c2");
    await subject.succeed("STATUS");
    expect(await subject.add("c4")).toContain("10.1.0.4");
  });

  test("has one again when a namespace is gone for certain", async () => {
    const subject = new HostLocal(node, network);
    const netns = await node.addNetns("c1");
    await subject.add("c1", { netns });
    await subject.add("c2", { netns: await node.addNetns("c2") });
    await subject.add("c3");
    expect(await subject.fail("ADD", "c4")).toMatchObject({ code: 11 });
    await node.deleteNetns("c1");
    await subject.succeed("STATUS");
    expect(await subject.add("c4")).toContain("10.1.0.2");
    expect(await subject.fail("ADD", "c5")).toMatchObject({ code: 11 });
  });

  test("has none when it is only doubtful whether a namespace is gone", async () => {
    const subject = new HostLocal(node, network);
    await subject.add("c1", { netns: await node.addNetns("c1") });
    // Its mount is gone and the file that it was mounted on is there: as in a mount namespace that does not see it.
    await node.exec("umount", ["/run/netns/c1"]);
    // A process that has ended was not the only one in its namespace.
    const ended = await inNamespaceOfOwn(node);
    const netns = `/proc/${ended.pid}/ns/net`;
    const other = node.start("nsenter", [`--net=${netns}`, "sleep", "60"]);
    await subject.add("c2", { netns });
    await addAddress(node, netns, "10.1.0.4");
    await expect.poll(() => namespaceOf(other.pid)).toBe(namespaceOf(ended.pid));
    await ended.stop("SIGKILL");
    // Never was a namespace.
    writeFileSync(node.path("/run/plain"), "");
    await subject.add("c3", { netns: "/run/plain" });
    await node.exec("rm", ["/run/plain"]);
    expect(await subject.fail("ADD", "c4")).toMatchObject({ code: 11 });
    expect(await subject.fail("STATUS")).toMatchObject({ code: 50 });
  });

  // The kernel gives a namespace's inode to another one soon: that has not the address.
  test.each([
    ["mounted, with the address", "mount --bind $0 /run/held; echo; exec sleep 60", "10.1.0.2", 11],
    ["open, with the address", "echo; exec sleep 60 <$0", "10.1.0.2", 11],
    [
      "mounted, with another address",
      "mount --bind $0 /run/held; echo; exec sleep 60",
      "10.1.0.9",
      undefined,
    ],
    ["gone", "echo; exec sleep 60", "10.1.0.2", undefined],
  ])("knows a namespace that was a process's: %s", async (_, hold, address, code) => {
    const subject = new HostLocal(node, network);
    writeFileSync(node.path("/run/held"), "");
    const ended = await inNamespaceOfOwn(node);
    const netns = `/proc/${ended.pid}/ns/net`;
    const holder = node.start("sh", ["-ec", hold, netns]);
    await holder.firstLine();
    await subject.add("c1", { netns });
    await addAddress(node, netns, address);
    await subject.add("c2");
    await subject.add("c3");
    await ended.stop("SIGKILL");
    const run = await subject.run("ADD", "c4");
    expect(run.json).toMatchObject(code === undefined ? { ips: [{}, { address: "10.1.0.2/29" }] } : { code });
  });

  test("is freed of a requested address whose namespace is gone", async () => {
    const subject = new HostLocal(node, network);
    await subject.add("c1", { netns: await node.addNetns("c1") });
    expect(await subject.fail("ADD", "c2", { args: "IP=10.1.0.2" })).toMatchObject({ code: 11 });
    await node.deleteNetns("c1");
    expect(await subject.add("c2", { args: "IP=10.1.0.2" })).toContain("10.1.0.2");
  });

  test("gives the next free one after a long run that is taken", async () => {
    const subject = new HostLocal(node, networkOf({ ranges: [[{ subnet: "10.4.0.0/22" }]] }));
    await subject.add("c0");
    for (let last = 3; last < 256; last++)
      writeFileSync(node.path(`${DATA_DIR}/net/10.4.0.${last}`), `h${last}`);
    expect(await subject.add("c1")).toEqual(["10.4.1.0"]);
    await subject.succeed("DEL", "h200");
    writeFileSync(node.path(`${DATA_DIR}/net/last_reserved_ip.0`), "10.4.0.2");
    expect(await subject.add("c2")).toEqual(["10.4.0.200"]);
  });
});

describe.runIf(canRun())("STATUS", () => {
  test("makes nothing", async () => {
    await new HostLocal(node).succeed("STATUS");
    expect(filesOf(node, DATA_DIR)).toEqual({});
  });

  test("fails with code 7 for an invalid configuration", async () => {
    expect(await new HostLocal(node, networkOf({ ranges: [] })).fail("STATUS")).toMatchObject({ code: 7 });
  });
});
