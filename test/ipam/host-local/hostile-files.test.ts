/** Other things in place of host-local's files: no call waits for them, follows them, or fails without their name. */
import { describe, expect, test } from "vitest";
import { type HostileKind, hostileNames, plant, TARGET, targets } from "../../helpers/hostile.ts";
import { canRun, createNode } from "../../helpers/index.ts";
import { DATA_DIR, HostLocal, networkOf, v4, v6 } from "./subject.ts";

const places = [
  "net/lock",
  "net/last_reserved_ip.0",
  "net/10.1.0.2",
  "net/10.1.0.3",
  ".podwire/net/state",
  ".podwire/net/c1:eth0",
  ".podwire/net/c2:eth0",
  ".podwire/net/temporary",
  ".podwire/net",
];

const isFull = (kind: HostileKind) => kind === "a folder that holds something";

describe.runIf(canRun("mkfifo", "mknod", "python3")).each(places)("in place of %s", (place) => {
  test.each(hostileNames)("%s stops no call", async (kind) => {
    await using node = await createNode();
    const subject = new HostLocal(node, networkOf({ ranges: [[v4], [v6]] }));
    const first = await subject.add("c1");
    const path = `${DATA_DIR}/${place}`;
    await plant(node, path, kind);
    const env = { PODWIRE_LOCK_TIMEOUT: "3" };
    const added = await subject.run("ADD", "c2", { env });
    if (added.exitCode === 0) {
      const addresses = added.json.ips.map(({ address }: { address: string }) => address.replace(/\/.*/, ""));
      expect(addresses.filter((address: string) => first.includes(address))).toEqual([]);
    } else {
      // What holds data is not removed, so the error must say what is in the way.
      expect(added.json).toMatchObject({ code: 5, msg: expect.stringContaining(path) });
      expect(added.json.details).toMatch(/remove/);
      expect(isFull(kind) || place === ".podwire/net").toBe(true);
    }
    for (const id of ["c1", "c2"]) await subject.succeed("DEL", id, { env });
    expect(await subject.gc()).toMatchObject({ exitCode: 0, stdout: "" });
    expect(await targets(node)).toBe(TARGET.text);
  });
});
