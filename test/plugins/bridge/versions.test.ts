import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { hostState, link, links } from "../attachment/kernel-state.ts";
import { failed, Host, hostLocal, l2Network, network, programs, subnet4, subnet6 } from "./host.ts";

const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
const old = versions.slice(0, 2);
const middle = versions.slice(2, 5);

const routes = [
  { dst: "0.0.0.0/0" },
  { dst: "192.0.2.0/24", gw: "10.1.0.9", mtu: 1300, priority: 7 },
  { dst: "::/0" },
];

const config = (cniVersion: string) =>
  network({
    cniVersion,
    isGateway: true,
    ipMasq: true,
    ipam: hostLocal([subnet4, subnet6], { routes, resolvConf: "/run/resolv.conf" }),
  });

const attached = async (cniVersion: string) => {
  const host = await Host.create();
  writeFileSync(host.node.path("/run/resolv.conf"), "nameserver 192.0.2.53\n");
  const pod = await host.pod("a");
  const result = await host.add(pod, config(cniVersion));
  return { host, pod, result, [Symbol.asyncDispose]: () => host.node.dispose() };
};

/** The interfaces as iproute2 has them. */
const interfacesOf = async (host: Host) => {
  const all = await links(host.node);
  const bridge = await link(host.node, "br0");
  const port = all.find(({ master }) => master === "br0");
  const inside = await link(host.node, "eth0", "a");
  return [bridge, port, inside].map((each) => ({ name: each?.ifname, mac: each?.address, mtu: each?.mtu }));
};

const dns = { nameservers: ["192.0.2.53"] };

describe.runIf(canRun(...programs))("the result", () => {
  test("of 1.1.0 has interfaces with their MTU, addresses, and routes with all they have", async () => {
    await using stage = await attached("1.1.0");
    const [bridge, port, inside] = await interfacesOf(stage.host);
    expect(stage.result).toEqual({
      cniVersion: "1.1.0",
      interfaces: [bridge, port, { ...inside, sandbox: "/run/netns/a" }],
      ips: [
        { address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 2 },
        { address: "fd00:1::2/64", gateway: "fd00:1::1", interface: 2 },
      ],
      routes,
      dns,
    });
  });

  test("of 1.0.0 has no MTU of interfaces, which that version does not know", async () => {
    await using stage = await attached("1.0.0");
    const [bridge, port, inside] = (await interfacesOf(stage.host)).map(({ name, mac }) => ({ name, mac }));
    expect(stage.result).toEqual({
      cniVersion: "1.0.0",
      interfaces: [bridge, port, { ...inside, sandbox: "/run/netns/a" }],
      ips: [
        { address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 2 },
        { address: "fd00:1::2/64", gateway: "fd00:1::1", interface: 2 },
      ],
      routes,
      dns,
    });
  });

  test.each(middle)("of %s says the IP version of every address, and always has dns", async (version) => {
    await using stage = await attached(version);
    const [bridge, port, inside] = (await interfacesOf(stage.host)).map(({ name, mac }) => ({ name, mac }));
    expect(stage.result).toEqual({
      cniVersion: version,
      interfaces: [bridge, port, { ...inside, sandbox: "/run/netns/a" }],
      ips: [
        { version: "4", address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 2 },
        { version: "6", address: "fd00:1::2/64", gateway: "fd00:1::1", interface: 2 },
      ],
      routes,
      dns,
    });
  });

  test.each(middle)("of %s has an empty dns when none is configured", async (version) => {
    await using host = await Host.create();
    expect((await host.add(await host.pod("a"), l2Network({ cniVersion: version }))).dns).toEqual({});
  });

  test.each(old)("of %s has one address a family with its routes, and no interfaces", async (version) => {
    await using stage = await attached(version);
    expect(stage.result).toEqual({
      cniVersion: version,
      ip4: {
        ip: "10.1.0.2/24",
        gateway: "10.1.0.1",
        routes: [{ dst: "0.0.0.0/0" }, { dst: "192.0.2.0/24", gw: "10.1.0.9" }],
      },
      ip6: { ip: "fd00:1::2/64", gateway: "fd00:1::1", routes: [{ dst: "::/0" }] },
      dns,
    });
  });

  test("is of 0.1.0 when the configuration names no version", async () => {
    await using host = await Host.create();
    const result = await host.add(await host.pod("a"), network({ cniVersion: undefined }));
    expect(result).toMatchObject({ cniVersion: "0.1.0", ip4: { ip: "10.1.0.2/24" } });
  });
});

describe.runIf(canRun(...programs))("prevResult of the same version", () => {
  test.each(["0.4.0", "1.0.0", "1.1.0"])(
    "is what CHECK compares with, and finds drift by: %s",
    async (version) => {
      await using stage = await attached(version);
      const { host, pod, result } = stage;
      await host.check(pod, config(version), result);
      await host.node.exec("ip", ["address", "del", "10.1.0.2/24", "dev", "eth0"], { netns: "a" });
      failed(await host.call("CHECK", pod, { ...config(version), prevResult: result }), 999, "10.1.0.2/24");
    },
  );

  test.each(versions)("is taken by DEL: %s", async (version) => {
    await using stage = await attached(version);
    const { host, pod, result } = stage;
    await host.del(pod, { ...config(version), prevResult: result });
    expect(await links(host.node, "a")).toHaveLength(1);
  });
});

describe.runIf(canRun(...programs))("prevResult of another version than the configuration's", () => {
  const pairs = versions.flatMap((written) =>
    ["0.4.0", "1.0.0", "1.1.0"].map((read) => [written, read] as const),
  );

  test.each(pairs)("is understood by CHECK: result of %s, configuration of %s", async (written, read) => {
    await using stage = await attached(written);
    const { host, pod, result } = stage;
    if (versions.indexOf(written) >= 2) await host.check(pod, config(read), result);
    // A result of the oldest versions names no interfaces, so it cannot be of an attachment to check.
    else failed(await host.call("CHECK", pod, { ...config(read), prevResult: result }), 7, "eth0");
  });
});

describe.runIf(canRun(...programs))("an error", () => {
  test.each(versions)(
    "is in the configuration's version, with code and message, and exit code 1: %s",
    async (version) => {
      await using host = await Host.create();
      const pod = await host.pod("a");
      const run = await host.call("ADD", pod, { ...config(version), mtu: -1 });
      expect(failed(run, 7, "mtu").cniVersion).toBe(version);
      expect(Object.keys(run.json).sort()).toEqual(["cniVersion", "code", "details", "msg"]);
    },
  );

  test.each(["0.2.1", "1.0", "1.2.0", "2.0.0", "one", "01.0.0", " 1.0.0"])(
    "is code 1 for the version %j",
    async (cniVersion) => {
      await using host = await Host.create();
      const pod = await host.pod("a");
      const before = await hostState(host.node);
      for (const command of ["ADD", "DEL", "CHECK", "GC", "STATUS"] as const) {
        failed(await host.call(command, pod, config(cniVersion)), 1, /1\.1\.0/);
      }
      expect(await hostState(host.node)).toEqual(before);
    },
  );
});

describe.runIf(canRun(...programs))("a verb that the configuration's version does not know", () => {
  const cases = versions.flatMap((version, index) => [
    ...(index < 4 ? [[version, "CHECK"] as const] : []),
    ...(index < 6 ? [[version, "GC"] as const, [version, "STATUS"] as const] : []),
  ]);

  test.each(cases)("is code 1: %s %s", async (version, command) => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    const input = { ...config(version), "cni.dev/valid-attachments": [] };
    failed(await host.call(command, pod, input), 1, command);
    expect(await hostState(host.node)).toEqual(before);
  });
});

describe.runIf(canRun(...programs))("VERSION", () => {
  test.each([...versions, "9.9.9"])(
    "lists all versions and echoes the one it was asked in: %s",
    async (cniVersion) => {
      await using host = await Host.create();
      const run = await host.call("VERSION", undefined, { cniVersion });
      expect(run).toMatchObject({ exitCode: 0, json: { cniVersion, supportedVersions: versions } });
    },
  );
});
