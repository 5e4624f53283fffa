/** route_localnet and the tc filter that guards it: who switched it on, what others undo, and hosts where it cannot be had. */
import { describe, expect, test } from "vitest";
import { canRun, startEcho } from "../../helpers/index.ts";
import { backends, bridgeConfig, failed, PortHost, programs } from "./host.ts";

const mapping = { hostPort: 8080, containerPort: 80 };
const second = { hostPort: 8081, containerPort: 80 };
const gateway = "10.1.0.1";

const key = "net.ipv4.conf.br0.route_localnet";
const routed = async (host: PortHost) => (await host.node.exec("sysctl", ["-n", key])).stdout;
const filters = async (host: PortHost) => {
  const { stdout } = await host.node.exec("tc", ["filter", "show", "dev", "br0", "ingress"]);
  return [...stdout.matchAll(/handle (\S+)/g)].map(([, handle]) => handle);
};
const clear = (host: PortHost) => host.node.exec("tc", ["qdisc", "del", "dev", "br0", "clsact"]);
const lockSysctls = (host: PortHost) =>
  host.node.exec("sh", ["-ec", "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys"]);

describe.runIf(canRun(...programs, "tc")).each(backends)("localhost's ports (%s)", (backend) => {
  test.each(["1", "2"])("are checked where another program had set route_localnet to %s", async (value) => {
    await using host = await PortHost.create(backend);
    const [one, two, three] = await host.bridge.pods("a", "b", "c");
    await host.attach(one, []);
    await host.node.exec("sysctl", ["-qw", `${key}=${value}`]);
    const result = await host.attach(two, [mapping]);
    await host.check(two, [mapping], result);
    await host.attach(three, [second]);
    await host.check(two, [mapping], result);
    await clear(host);
    const config = { ...host.config([mapping]), prevResult: result };
    failed(await host.portmap.call("CHECK", two, config), 999, /tc filter .*127\.0\.0\.0\/8.* is missing/);
    // A repeated ADD makes the filter again, and does not take the other program's setting for its own.
    await host.portmap.add(two, host.config([mapping], result));
    await host.check(two, [mapping], result);
    await host.detach(two);
    await host.detach(three);
    expect(await routed(host)).toBe(value);
  });

  test.each([
    ["first", "second"],
    ["second", "first"],
  ])(
    "leave nothing on after the filter was removed between two ADDs: DEL of the %s, then of the %s",
    async (...order) => {
      await using host = await PortHost.create(backend);
      const [a, b] = await host.bridge.pods("a", "b");
      const one = await host.attach(a, [mapping]);
      await clear(host);
      const two = await host.attach(b, [second]);
      await host.check(a, [mapping], one);
      await host.check(b, [second], two);
      const [early, late] = order[0] === "first" ? [a, b] : [b, a];
      await host.detach(early);
      expect(await routed(host)).toBe("1");
      await host.detach(late);
      expect([await routed(host), await filters(host)]).toEqual(["0", []]);
    },
  );

  test("leave nothing on if GC removes the last of them, or a repeated ADD without ports", async () => {
    await using host = await PortHost.create(backend);
    const [a, b] = await host.bridge.pods("a", "b");
    await host.attach(a, [mapping]);
    await clear(host);
    const result = await host.attach(b, [second]);
    await host.portmap.gc(host.config(undefined), []);
    expect([await routed(host), await filters(host)]).toEqual(["0", []]);
    await host.portmap.add(b, host.config([second], result));
    await clear(host);
    await host.portmap.add(b, host.config([second], result));
    await host.portmap.add(b, host.config([], result));
    expect([await routed(host), await filters(host)]).toEqual(["0", []]);
  });

  test("are guarded again by the next ADD of the same container, by DEL of another, and by GC", async () => {
    await using host = await PortHost.create(backend);
    const [a, b] = await host.bridge.pods("a", "b");
    const result = await host.attach(a, [mapping]);
    await host.attach(b, [second]);
    const guard = await filters(host);
    expect(guard).toHaveLength(1);
    const calls = [
      () => host.portmap.add(a, host.config([mapping], result)),
      () => host.detach(b),
      () => host.portmap.gc(host.config(undefined), [a]),
    ];
    for (const call of calls) {
      await clear(host);
      await call();
      expect([await routed(host), await filters(host)]).toEqual(["1", guard]);
      await host.check(a, [mapping], result);
    }
  });

  test("of a container that found route_localnet on are closed with the last one, if podwire switched it on later", async () => {
    await using host = await PortHost.create(backend);
    const [a, b, c] = await host.bridge.pods("a", "b", "c");
    await host.attach(c, []);
    await host.node.exec("sysctl", ["-qw", `${key}=1`]);
    await host.attach(a, [mapping]);
    await host.node.exec("sysctl", ["-qw", `${key}=0`]);
    await host.attach(b, [second]);
    await clear(host);
    await host.detach(b);
    expect(await routed(host)).toBe("1");
    await host.detach(a);
    expect([await routed(host), await filters(host)]).toEqual(["0", []]);
  });

  test("are left out with a read-only /proc/sys; other addresses' work, and STATUS, CHECK and DEL agree", async () => {
    await using host = await PortHost.create(backend);
    const [a, b] = await host.bridge.pods("a", "b");
    await host.attach(b, []);
    const result = await host.bridge.add(a, bridgeConfig());
    await lockSysctls(host);
    expect((await host.portmap.call("STATUS", undefined, host.config(undefined))).exitCode).toBe(0);
    expect(await host.portmap.add(a, host.config([mapping], result))).toEqual(result);
    await host.check(a, [mapping], result);
    await startEcho(host.node, 80, "a");
    expect(await host.fromOutside(host.outside.nodeAddress4, 8080)).toBe(host.outside.address4);
    expect(await host.fromNode("127.0.0.1", 8080, undefined, 800)).toBeUndefined();
    const explicit = [mapping, { ...second, hostIP: "127.0.0.2" }];
    const config = { ...host.config(explicit), prevResult: result };
    failed(await host.portmap.call("CHECK", a, config), 999);
    await host.detach(a);
    expect([await routed(host), await filters(host)]).toEqual(["0", []]);
    const run = await host.portmap.call("ADD", a, host.config(explicit, result));
    failed(run, 5, /127\.0\.0\.1.*br0.*sysctl -w net\.ipv4\.conf\.br0\.route_localnet=1.*"hostIP"/);
    expect([await routed(host), await filters(host)]).toEqual(["0", []]);
  });

  test.each(["br0", "all"])(
    "work with a read-only /proc/sys where route_localnet of %s is on",
    async (name) => {
      await using host = await PortHost.create(backend);
      const [a, b] = await host.bridge.pods("a", "b");
      await host.attach(b, []);
      const explicit = [{ ...mapping, hostIP: "127.0.0.1" }];
      const result = await host.bridge.add(a, bridgeConfig());
      await host.node.exec("sysctl", ["-qw", `net.ipv4.conf.${name}.route_localnet=1`]);
      await lockSysctls(host);
      await host.portmap.add(a, host.config(explicit, result));
      await host.check(a, explicit, result);
      await startEcho(host.node, 80, "a");
      expect(await host.fromNode("127.0.0.1", 8080)).toBe(gateway);
      await host.detach(a);
    },
  );

  test.each([0, 1])(
    "get their answers whatever bit marks packets (bridged packets pass: %i)",
    async (passes) => {
      await using host = await PortHost.create(backend);
      const pass = [`net.bridge.bridge-nf-call-iptables=${passes}`];
      await host.node.exec("sysctl", ["-qw", ...pass], { reject: false });
      const [a, b] = await host.bridge.pods("a", "b");
      await startEcho(host.node, 80, "a");
      await startEcho(host.node, 80, "b");
      const other = { markMasqBit: 5 };
      await host.attach(a, [mapping], other);
      expect(await host.fromNode("127.0.0.1", 8080)).toBe(gateway);
      const result = await host.attach(b, [second]);
      await host.detach(b);
      expect(await host.fromNode("127.0.0.1", 8080)).toBe(gateway);
      await host.portmap.add(b, host.config([second], result));
      await host.detach(a);
      expect(await host.fromNode("127.0.0.1", 8081)).toBe(gateway);
    },
  );
});
