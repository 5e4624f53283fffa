import { rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, type RunningCommand, referenceBin, referencePlugin } from "../../../test/helpers/index.ts";
import { failed, Host, type Keys, type Pod } from "../../../test/plugins/attachment/host.ts";
import { changeSource, sourcesOf, startBus, startFirewalld } from "./firewalld.ts";
import { bridgeOf, tools, World, ways } from "./world.ts";

const one = bridgeOf("one", 1);
const sources = ["10.1.0.2/32", "fd00:1::2/128"];
/** For what must not come through. */
const SHORT = 1.5;
const [way] = ways;

let world: World;
let pod: Pod;
let prevResult: Keys;
let running: RunningCommand[];

/** Listens in place of the bus. Sends the same words again and again; empty words end the connection. */
const liarOf = (words: string) => `
import socket, threading
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/dbus/system_bus_socket")
listener.listen(5)
print("ready", flush=True)
def talk(caller):
    try:
        while ${words}: caller.sendall(${words})
    except OSError: pass
    caller.close()
while True:
    threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()`;

const start = async () => {
  if (way === undefined) throw new Error("no way");
  world = await World.create(way);
  running = [await startBus(world.node), await startFirewalld(world.node)];
  ({ pod, prevResult } = await world.attach("a", one));
  return world.node;
};
const config = (keys: Keys = {}) => world.config(one, { prevResult, ...keys });

describe.runIf(canRun(...tools, "firewalld", "dbus-daemon", "dbus-send", "python3"))("firewalld", () => {
  beforeEach(start);
  afterEach(() => world[Symbol.asyncDispose]());

  test.each<[string, Keys]>([
    ["that it asks for", { backend: "firewalld" }],
    ["that runs", {}],
  ])("forwards a container's traffic %s, from ADD to DEL", async (_, keys) => {
    expect(await world.reach("a", SHORT)).toBe("");
    await world.add(pod, config(keys));
    expect(await sourcesOf(world.node)).toEqual(sources);
    expect(await world.reach("a")).toBe("46");
    await world.check(pod, config(keys));
    await world.add(pod, config(keys));
    expect(await sourcesOf(world.node)).toEqual(sources);
    await world.del(pod, world.config(one, keys));
    expect(await sourcesOf(world.node)).toEqual([]);
    expect(await world.reach("a", SHORT)).toBe("");
    failed(await world.firewall.call("CHECK", pod, config(keys)), 999);
    await world.del(pod, config(keys));
  });

  test("beside a policy DROP in iptables' chain FORWARD, both let the traffic pass without the key", async () => {
    await world.iptables("-P", "FORWARD", "DROP");
    await world.add(pod, config());
    expect(await world.reach("a")).toBe("46");
  });

  test("its own backend touches no rule of iptables; a policy of bridges holds all the same", async () => {
    await world.add(pod, config({ backend: "firewalld", ingressPolicy: "same-bridge" }));
    expect((await world.rules()).filter((line) => line.includes("PODWIRE"))).toEqual([]);
    const two = bridgeOf("two", 2);
    const b = await world.attach("b", two);
    const keys = { backend: "firewalld", ingressPolicy: "same-bridge", prevResult: b.prevResult };
    await world.add(b.pod, world.config(two, keys));
    expect(await world.reach("b")).toBe("46");
    expect(await world.reached("a", ["10.2.0.2", "fd00:2::2"], SHORT)).toBe("");
  });

  test("the zone may be another one; a repeated ADD changes it", async () => {
    await world.add(pod, config({ firewalldZone: "internal" }));
    expect(await sourcesOf(world.node, "internal")).toEqual(sources);
    await world.add(pod, config());
    expect(await sourcesOf(world.node, "internal")).toEqual([]);
    expect(await sourcesOf(world.node)).toEqual(sources);
  });

  test("an unknown zone, and an address of another zone, are errors that leave nothing", async () => {
    // What all containers share is there already.
    await world.add(pod, config());
    await world.del(pod, config());
    const before = await world.ours();
    failed(
      await world.firewall.call("ADD", pod, config({ firewalldZone: "nowhere" })),
      7,
      /INVALID_ZONE.*--get-zones/,
    );
    expect(await world.ours()).toEqual(before);
    await changeSource(world.node, "add", "public", "fd00:1::2/128");
    failed(await world.firewall.call("ADD", pod, config()), 999, /ZONE_CONFLICT/);
    expect(await sourcesOf(world.node)).toEqual([]);
    expect(await sourcesOf(world.node, "public")).toEqual(["fd00:1::2/128"]);
    expect((await world.ours()).join("\n")).not.toContain("container=id-a");
    const status = { ...world.config(one), backend: "firewalld", firewalldZone: "nowhere" };
    failed(await world.firewall.call("STATUS", undefined, status), 7, /INVALID_ZONE/);
  });

  test("what firewalld loses is named by CHECK, and comes back with GC; GC removes what is stale", async () => {
    const b = await world.attach("b", one);
    await world.add(pod, config());
    await world.add(b.pod, world.config(one, { prevResult: b.prevResult }));
    await changeSource(world.node, "remove", "trusted", "10.1.0.2/32");
    const run = await world.firewall.call("CHECK", pod, config());
    failed(run, 999, /firewalld does not have 10\.1\.0\.2 in the zone trusted/);
    await world.firewall.gc(world.config(one), [pod]);
    expect(await sourcesOf(world.node)).toEqual(sources);
    await world.check(pod, config());
    await world.firewall.gc(world.config(one), []);
    expect(await sourcesOf(world.node)).toEqual([]);
  });

  test("a late DEL leaves the address to the container that has it by now", async () => {
    await world.add(pod, config());
    const next: Pod = { ...pod, containerId: "next" };
    await world.add(next, config());
    await world.del(pod, config());
    expect(await sourcesOf(world.node)).toEqual(sources);
    await world.check(next, config());
    await world.del(next, config());
    expect(await sourcesOf(world.node)).toEqual([]);
  });

  test.each([
    ["sends without an end", 'b"x" * 65536', /another program listens there/],
    ["ends the connection", 'b""', /(it ended the connection|connection reset|broken pipe)/],
  ])(
    "a bus that %s fails ADD in time, and no DEL of a container that has nothing",
    async (_, words, said) => {
      for (const each of running) await each.stop();
      rmSync(world.node.path("/run/dbus/system_bus_socket"), { force: true });
      const server = world.node.start("python3", ["-c", liarOf(words)]);
      await server.firstLine();
      failed(await world.firewall.call("ADD", pod, config()), 11, said);
      await world.del(pod, config());
    },
  );

  test("without firewalld its backend is an error that says what to do, and DEL works", async () => {
    await world.add(pod, config({ backend: "firewalld" }));
    await running[1]?.stop();
    const run = () => world.firewall.call("ADD", pod, config({ backend: "firewalld" }));
    failed(await run(), 50, /firewalld does not run here.*systemctl start firewalld/);
    failed(await world.firewall.call("STATUS", undefined, world.config(one, { backend: "firewalld" })), 50);
    await world.add(pod, config());
    await world.del(pod, config({ backend: "firewalld" }));
    await running[0]?.stop();
    rmSync(world.node.path("/run/dbus/system_bus_socket"), { force: true });
    failed(await run(), 50, /firewalld does not run here/);
    await world.del(pod, config({ backend: "firewalld" }));
  });

  test.runIf(canRun(referencePlugin("firewall")))(
    "changes over with the reference plugin, and back",
    async () => {
      const former = bridgeOf("one", 1, { cniVersion: "1.0.0" });
      const theirs = new Host(world.node, referencePlugin("firewall"), referenceBin);
      const b = await world.attach("b", former);
      const keys = { cniVersion: "1.0.0", prevResult: b.prevResult };
      for (const backend of ["firewalld", ""]) {
        const given = { ...world.config(former, keys), backend };
        const env = {
          DBUS_SYSTEM_BUS_ADDRESS: "unix:path=/run/dbus/system_bus_socket",
          PATH: world.env.PATH,
        };
        await theirs.add(b.pod, given, { env });
        expect(await sourcesOf(world.node)).toEqual(["10.1.0.3/32", "fd00:1::3/128"]);
        await world.check(b.pod, given);
        await world.del(b.pod, given);
        expect(await sourcesOf(world.node)).toEqual([]);
        await world.add(b.pod, given);
        await theirs.del(b.pod, given, { env });
        expect(await sourcesOf(world.node)).toEqual([]);
        await world.del(b.pod, given);
      }
    },
  );
});
