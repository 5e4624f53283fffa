import { utimesSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { DATA_DIR, HostLocal, indexed, networkOf, reference, reservations } from "./subject.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

const BOOT_ID = "/proc/sys/kernel/random/boot_id";
let boots = 0;

/** What a boot is to host-local: the kernel has another name for it. Nothing else changes. */
async function reboot(): Promise<void> {
  const file = `/run/boot-${++boots}`;
  writeFileSync(node.path(file), `00000000-0000-4000-8000-${String(boots).padStart(12, "0")}\n`);
  await node.exec("mount", ["--bind", file, BOOT_ID]);
}

/** Makes a file as old as from years before the boot. */
function age(address: string): void {
  const then = new Date("2001-01-01T00:00:00Z");
  utimesSync(node.path(`${DATA_DIR}/net/${address}`), then, then);
}

describe.runIf(canRun("mount"))("after a boot", () => {
  test("reservations from before it are free", async () => {
    const subject = new HostLocal(node, networkOf({ ranges: [[{ subnet: "10.1.0.0/29" }]] }));
    for (const id of ["c1", "c2", "c3", "c4", "c5"]) await subject.add(id);
    expect(await subject.fail("ADD", "c6")).toMatchObject({ code: 11 });
    await reboot();
    await subject.succeed("STATUS");
    expect(await subject.add("c6")).toEqual(["10.1.0.2"]);
    expect(reservations(node)).toEqual({ "10.1.0.2": "c6\r\neth0" });
    expect(indexed(node)).toEqual(["c6:eth0"]);
  });

  test("a DEL of an attachment from before it succeeds, as does CHECK's answer", async () => {
    const subject = new HostLocal(node);
    await subject.add("c1");
    await reboot();
    expect(await subject.fail("CHECK", "c1")).toMatchObject({ code: 999 });
    await subject.succeed("DEL", "c1");
    expect(reservations(node)).toEqual({});
  });

  test("what was added since stays, in this boot and until the next", async () => {
    const subject = new HostLocal(node);
    await subject.add("c1");
    await reboot();
    await subject.add("c2");
    await subject.add("c3");
    expect(Object.values(reservations(node))).toEqual(["c2\r\neth0", "c3\r\neth0"]);
    await reboot();
    await subject.add("c4");
    expect(Object.values(reservations(node))).toEqual(["c4\r\neth0"]);
  });

  test("reservations of the reference are recognised by their age", async () => {
    const subject = new HostLocal(node);
    const them = new HostLocal(node, subject.config, reference);
    await them.add("old");
    await them.add("young");
    age("10.1.0.2");
    await subject.add("c1");
    expect(Object.values(reservations(node))).toEqual(["young\r\neth0", "c1\r\neth0"]);
  });

  test("reservations of the reference that were seen in an earlier boot are free, whatever the clock said", async () => {
    const subject = new HostLocal(node);
    await new HostLocal(node, subject.config, reference).add("theirs");
    await subject.add("c1");
    await reboot();
    await subject.add("c2");
    expect(Object.values(reservations(node))).toEqual(["c2\r\neth0"]);
  });

  test("a reservation made by the reference in this boot is not taken for the one it had in the last", async () => {
    const subject = new HostLocal(node);
    await subject.add("c1");
    await reboot();
    const them = new HostLocal(node, subject.config, reference);
    await them.succeed("DEL", "c1");
    await them.add("c1", { args: "IP=10.1.0.2" });
    await subject.succeed("CHECK", "c1");
    expect(await subject.add("c2")).not.toContain("10.1.0.2");
  });

  test("a file by which a person keeps an address goes as well, if it is from before", async () => {
    const subject = new HostLocal(node);
    await subject.add("c1");
    for (const address of ["10.1.0.50", "10.1.0.51"]) {
      writeFileSync(node.path(`${DATA_DIR}/net/${address}`), "kept for the printer");
    }
    age("10.1.0.50");
    await subject.add("c2");
    expect(reservations(node)).toHaveProperty(["10.1.0.50"]);
    await reboot();
    await subject.add("c3");
    expect(Object.keys(reservations(node))).toEqual(["10.1.0.4", "10.1.0.51"]);
  });
});

describe.runIf(canRun("mount"))("within a boot", () => {
  test("no age frees a reservation, once the folder has been read: the clock may have been set", async () => {
    const subject = new HostLocal(node);
    await subject.add("c1");
    await subject.add("c2");
    await new HostLocal(node, subject.config, reference).add("theirs");
    for (const address of ["10.1.0.2", "10.1.0.4"]) age(address);
    await subject.add("c3");
    expect(Object.keys(reservations(node))).toHaveLength(4);
  });

  test("nothing is freed where the kernel does not name its boot", async () => {
    const subject = new HostLocal(node);
    await node.exec("mount", ["--bind", "/dev/null", BOOT_ID]);
    await subject.add("c1");
    await subject.add("c2");
    expect(Object.keys(reservations(node))).toHaveLength(2);
  });
});
