import { existsSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { DATA_DIR, filesOf, HostLocal, networkOf, reservations, v4, v6 } from "./subject.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

const dual = networkOf({ ranges: [[v4], [v6]] });

async function mount(options: string): Promise<void> {
  await node.exec("mkdir", ["-p", DATA_DIR]);
  await node.exec("mount", ["-t", "tmpfs", "-o", options, "tmpfs", DATA_DIR]);
}

const remount = (options: string) => node.exec("mount", ["-o", `remount,${options}`, DATA_DIR]);

describe.runIf(canRun())("a read-only data folder", () => {
  test("fails ADD with code 5 and STATUS with code 50", async () => {
    await mount("ro");
    const subject = new HostLocal(node, dual);
    expect(await subject.fail("ADD", "c1")).toMatchObject({
      code: 5,
      msg: expect.stringContaining("read-only file system"),
      details: expect.stringContaining(DATA_DIR),
    });
    expect(await subject.fail("STATUS")).toMatchObject({
      code: 50,
      msg: expect.stringContaining("not writable"),
    });
  });

  test("does not fail a DEL that has nothing to release, nor GC", async () => {
    await mount("ro");
    const subject = new HostLocal(node, dual);
    await subject.succeed("DEL", "c1");
    expect(await subject.gc()).toMatchObject({ exitCode: 0 });
    await remount("rw");
    await subject.add("c1");
    await remount("ro");
    await subject.succeed("DEL", "other");
    await subject.succeed("CHECK", "c1");
    expect(await subject.gc(["c1", "eth0"])).toMatchObject({ exitCode: 0 });
    expect(await subject.fail("DEL", "c1")).toMatchObject({ code: 5 });
    await remount("rw");
    await subject.succeed("DEL", "c1");
    expect(reservations(node)).toEqual({});
  });

  test("need not hold a lock or an index to be read", async () => {
    await node.exec("mkdir", ["-p", `${DATA_DIR}/net`]);
    await mount("size=1m");
    await node.exec("mkdir", ["-p", `${DATA_DIR}/net`]);
    writeFileSync(node.path(`${DATA_DIR}/net/10.1.0.2`), "c1\r\neth0");
    await remount("ro");
    const subject = new HostLocal(node, dual);
    await subject.succeed("CHECK", "c1");
    await subject.succeed("DEL", "c2");
    expect(await subject.fail("DEL", "c1")).toMatchObject({ code: 5 });
  });
});

describe.runIf(canRun())("a full data folder", () => {
  test("fails ADD with code 5, which then holds nothing, whatever the file is that finds no room", async () => {
    const subject = new HostLocal(node, dual);
    let failures = 0;
    for (let inodes = 2; inodes < 14; inodes++) {
      await mount(`nr_inodes=${inodes}`);
      const { exitCode, json } = await subject.run("ADD", "c1");
      if (exitCode !== 0) {
        failures++;
        expect(json).toMatchObject({ code: 5, msg: expect.stringContaining("no space left") });
        expect(reservations(node)).toEqual({});
      }
      await subject.succeed("DEL", "c1");
      expect(reservations(node)).toEqual({});
      await node.exec("umount", [DATA_DIR]);
    }
    expect(failures).toBeGreaterThan(5);
    expect(failures).toBeLessThan(12);
  });

  test("fails STATUS with code 50, and still takes DEL and GC", async () => {
    await mount("size=64k");
    const subject = new HostLocal(node, dual);
    for (const id of ["c1", "c2"]) await subject.add(id);
    const fill = ["if=/dev/zero", `of=${DATA_DIR}/ballast`, "bs=4k"];
    await node.exec("dd", fill, { reject: false });
    expect(await subject.fail("STATUS")).toMatchObject({ code: 50, msg: expect.stringContaining("full") });
    expect(await subject.fail("ADD", "c3")).toMatchObject({ code: 5 });
    await subject.succeed("CHECK", "c1");
    await subject.succeed("DEL", "c1");
    expect(await subject.gc()).toMatchObject({ exitCode: 0 });
    expect(reservations(node)).toEqual({});
  });
});

describe.runIf(canRun())("a data folder that is a file", () => {
  test("fails ADD with code 5; DEL has nothing to release there", async () => {
    writeFileSync(node.path("/run/file"), "");
    const subject = new HostLocal(node, networkOf({ ranges: [[v4]], dataDir: "/run/file" }));
    expect(await subject.fail("ADD", "c1")).toMatchObject({
      code: 5,
      msg: expect.stringContaining("/run/file"),
    });
    await subject.succeed("DEL", "c1");
  });

  test("and no folder at all are left as they are by DEL, CHECK and GC", async () => {
    const subject = new HostLocal(node, networkOf({ ranges: [[v4]], dataDir: "/run/none" }));
    await subject.succeed("DEL", "c1");
    expect(await subject.gc()).toMatchObject({ exitCode: 0 });
    expect(await subject.fail("CHECK", "c1")).toMatchObject({ code: 999 });
    expect(existsSync(node.path("/run/none"))).toBe(false);
  });
});

describe.runIf(canRun("flock"))("a lock that is held", () => {
  // One process, so that the lock is gone with it.
  const hold = async (seconds: number) => {
    const script = `exec 9<${DATA_DIR}/net/lock; flock 9; echo held; exec sleep ${seconds}`;
    const holder = node.start("sh", ["-c", script]);
    await holder.firstLine();
    return holder;
  };

  test("is waited for", async () => {
    const subject = new HostLocal(node, dual);
    await subject.add("c1");
    await hold(0.5);
    expect(await subject.add("c2")).toEqual(["10.1.0.3", "fd00:1::3"]);
  });

  test("fails a call with code 11 when it is not given up in time", async () => {
    const subject = new HostLocal(node, dual);
    await subject.add("c1");
    const holder = await hold(60);
    const env = { PODWIRE_LOCK_TIMEOUT: "0.3" };
    for (const command of ["ADD", "DEL"] as const) {
      expect(await subject.fail(command, "c2", { env })).toMatchObject({
        code: 11,
        msg: expect.stringMatching(
          new RegExp(`${DATA_DIR}/net/lock was not free within 0.3 s.* PID ${holder.pid} \\(sleep 60\\)$`),
        ),
        details: expect.stringContaining("PODWIRE_LOCK_TIMEOUT"),
      });
    }
    await holder.stop("SIGKILL");
    await subject.succeed("DEL", "c1");
  });
});

describe.runIf(canRun())("CHECK", () => {
  const result = (...addresses: string[]) => ({
    prevResult: { cniVersion: "1.1.0", ips: addresses.map((address) => ({ address })) },
  });

  test("finds each address of the result, and whose it is", async () => {
    const subject = new HostLocal(node, dual);
    await subject.add("c1");
    await subject.add("c2");
    await subject.with(result("10.1.0.2/24", "fd00:1::2/64")).succeed("CHECK", "c1");
    const error = await subject.with(result("10.1.0.2/24", "fd00:1::3/64")).fail("CHECK", "c1");
    expect(error).toMatchObject({
      code: 999,
      msg: "the address fd00:1::3 of container c1 eth0 is reserved for container c2 eth0",
    });
    expect((await subject.with(result("10.1.0.9/24")).fail("CHECK", "c1")).msg).toContain(
      "reserved for no container",
    );
    expect(await subject.with(result("10.1.0.2/24")).fail("CHECK", "c1", { ifname: "net1" })).toMatchObject({
      code: 999,
    });
  });

  test("leaves addresses of other ranges to their own plugins", async () => {
    const subject = new HostLocal(node, dual);
    await subject.add("c1");
    await subject.with(result("10.1.0.2/24", "192.0.2.7/24")).succeed("CHECK", "c1");
    await subject.with(result("192.0.2.7/24")).succeed("CHECK", "c1");
    expect(await subject.with(result("192.0.2.7/24")).fail("CHECK", "c9")).toMatchObject({ code: 999 });
  });
});

describe.runIf(canRun())("DEL", () => {
  test("needs no valid configuration but the folder, no namespace, and may be repeated", async () => {
    const subject = new HostLocal(node, dual);
    await subject.add("c1");
    const broken = new HostLocal(node, networkOf({ ranges: [[{ subnet: "10.1.0.0/33" }]], routes: 7 }));
    await broken.succeed("DEL", "c1", { netns: "" });
    await broken.succeed("DEL", "c1");
    expect(reservations(node)).toEqual({});
    await broken.with({ ipam: undefined }).succeed("DEL", "c1");
  });

  test("of nothing makes nothing", async () => {
    await new HostLocal(node).succeed("DEL", "c1");
    expect(filesOf(node, DATA_DIR)).toEqual({});
  });

  test("does not release an address whose file says another owner by now", async () => {
    const subject = new HostLocal(node);
    await subject.add("c1");
    writeFileSync(node.path(`${DATA_DIR}/net/10.1.0.2`), "c2\r\neth0");
    await subject.succeed("DEL", "c1");
    expect(reservations(node)).toEqual({ "10.1.0.2": "c2\r\neth0" });
  });
});
