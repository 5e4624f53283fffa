/** What needs a kernel with dummy interfaces: tests on a node in the virtual machine (test/vm). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { builtPlugin, projectRoot } from "../../../test/helpers/index.ts";
import { assertRefused } from "../../../test/vm/scenarios/pods.ts";
import type { Scenario } from "../../../test/vm/scenarios/scenario.ts";
import { addressesOf, type Keys, scenariosOn } from "../../../test/vm/scenarios/stage.ts";
import { nodeState } from "../../../test/vm/scenarios/state.ts";

const ipam = {
  type: "host-local",
  ranges: [[{ subnet: "10.1.0.0/24", gateway: "10.1.0.254" }], [{ subnet: "fd00:1::/64" }]],
  routes: [{ dst: "198.51.100.0/24" }, { dst: "203.0.113.0/24", table: 500 }],
};
const config: Keys = { cniVersion: "1.1.0", name: "net", type: "dummy", ipam };

const onStage = scenariosOn(config);

export const scenarios: readonly Scenario[] = [
  onStage("ADD makes the interface with addresses, routes and owner, DEL leaves nothing", async (stage) => {
    const before = await nodeState(stage.node);
    const result = await stage.done("ADD");
    const link = await stage.eth0();
    assert.equal(link?.linkinfo?.info_kind, "dummy");
    assert.equal(link?.ifalias, "podwire network=net container=id-a interface=eth0");
    assert.equal(link?.mtu, 1500);
    assert.ok(link?.flags.includes("UP"));
    assert.deepEqual(addressesOf(link), ["10.1.0.1/24", "fd00:1::2/64"]);
    assert.deepEqual(result.interfaces, [
      { name: "eth0", mac: link?.address, mtu: 1500, sandbox: "/run/netns/a" },
    ]);
    assert.equal(link?.address, "0a:58:0a:01:00:01");
    assert.deepEqual(
      result.ips.map(({ address, interface: index }: { address: string; interface: number }) => [
        address,
        index,
      ]),
      [
        ["10.1.0.1/24", 0],
        ["fd00:1::2/64", 0],
      ],
    );
    const routes = (await stage.routes()).join("\n");
    assert.match(routes, /^198\.51\.100\.0\/24 via 10\.1\.0\.254/m);
    assert.match(routes, /^203\.0\.113\.0\/24 via 10\.1\.0\.254 table 500/m);
    await stage.done("CHECK", { prevResult: result });
    await stage.done("DEL");
    await stage.done("DEL");
    assert.deepEqual(
      (await stage.links()).map(({ ifname }) => ifname),
      ["lo"],
    );
    assert.deepEqual(await nodeState(stage.node), before);
  }),
  onStage("mtu and dns of the configuration are used", async (stage) => {
    const dns = { nameservers: ["192.0.2.53"] };
    const result = await stage.done("ADD", { mtu: 9000, dns });
    assert.equal((await stage.eth0())?.mtu, 9000);
    assert.deepEqual([result.interfaces[0].mtu, result.dns], [9000, dns]);
  }),
  onStage("the result has the form of old versions too", async (stage) => {
    const result = await stage.done("ADD", { cniVersion: "0.2.0" });
    assert.deepEqual([result.ip4.ip, result.ip6.ip], ["10.1.0.1/24", "fd00:1::2/64"]);
    await stage.done("DEL", { cniVersion: "0.2.0" });
  }),
  onStage("a second ADD is refused, and harms nothing", async (stage) => {
    const result = await stage.done("ADD");
    assert.equal(assertRefused(await stage.call("ADD"), /"eth0" already exists/), 4);
    await stage.done("CHECK", { prevResult: result });
  }),
  onStage("CHECK names all that was changed", async (stage) => {
    const prevResult = await stage.done("ADD");
    await stage.ip("address", "delete", "10.1.0.1/24", "dev", "eth0");
    await stage.ip("link", "set", "eth0", "down");
    assertRefused(
      await stage.call("CHECK", { prevResult }),
      /eth0.*is down.*10\.1\.0\.1\/24.*198\.51\.100\.0/s,
    );
    await stage.ip("link", "set", "eth0", "address", "02:00:00:00:00:01");
    assertRefused(await stage.call("CHECK", { prevResult }), /MAC address 02:00:00:00:00:01/);
    await stage.ip("link", "delete", "eth0");
    assertRefused(await stage.call("CHECK", { prevResult }), /eth0.*missing/);
  }),
  onStage("an ADD whose route is refused leaves nothing", async (stage) => {
    const before = await nodeState(stage.node);
    const routes = [{ dst: "198.51.100.0/24", gw: "192.0.2.77" }];
    assertRefused(await stage.call("ADD", { ipam: { ...ipam, routes } }), /198\.51\.100\.0\/24/);
    assert.deepEqual(
      (await stage.links()).map(({ ifname }) => ifname),
      ["lo"],
    );
    assert.deepEqual(await nodeState(stage.node), before);
  }),
  onStage("an IPAM plugin that gives no address leaves nothing", async (stage) => {
    const script = '#!/bin/sh\n[ "$CNI_COMMAND" != ADD ] || echo \'{"cniVersion": "1.1.0"}\'\n';
    await stage.node.exec(
      "sh",
      ["-c", "mkdir /run/ipam && cat >/run/ipam/empty && chmod 755 /run/ipam/empty"],
      {
        input: script,
      },
    );
    const call = { containerId: "id-a", netns: "/run/netns/a", ifname: "eth0", path: "/run/ipam" };
    const keys = { ...config, ipam: { type: "empty" } };
    const run = await stage.node.plugin(builtPlugin("dummy"), { command: "ADD", ...call, config: keys });
    assert.equal(assertRefused(run, /missing IP config/), 7);
    assert.deepEqual(
      (await stage.links()).map(({ ifname }) => ifname),
      ["lo"],
    );
  }),
  onStage("DEL leaves the interface of another container in the same namespace", async (stage) => {
    await stage.done("ADD");
    await stage.other("a", "id-former").done("DEL");
    assert.deepEqual(addressesOf(await stage.eth0()), ["10.1.0.1/24", "fd00:1::2/64"]);
  }),
  onStage(
    "DEL removes what the reference plugin made, which has no alias, where the result says so",
    async (stage) => {
      await stage.ip("link", "add", "eth0", "type", "dummy");
      await stage.done("DEL");
      const { address: mac } = (await stage.eth0()) ?? {};
      assert.ok(mac);
      const interfaces = [{ name: "eth0", mac, sandbox: "/run/netns/a" }];
      await stage.done("DEL", { prevResult: { cniVersion: "1.1.0", interfaces } });
      assert.equal(await stage.eth0(), undefined);
    },
  ),
  onStage(
    "addresses go when the namespace went first: by DEL without one, by its path, by GC",
    async (stage) => {
      for (const how of ["", "/run/netns/a", "GC"]) {
        await stage.done("ADD");
        await stage.node.deleteNetns("a");
        assert.equal((await stage.reservations()).length, 2);
        if (how === "GC") await stage.done("GC", { "cni.dev/valid-attachments": [] });
        else await stage.done("DEL", {}, how);
        assert.deepEqual(await stage.reservations(), []);
        await stage.node.addNetns("a");
      }
    },
  ),
  onStage("GC keeps what the runtime knows", async (stage) => {
    const prevResult = await stage.done("ADD");
    await stage.done("GC", { "cni.dev/valid-attachments": [{ containerID: "id-a", ifname: "eth0" }] });
    await stage.done("CHECK", { prevResult });
  }),
  onStage("STATUS succeeds, and fails where no address is left", async (stage) => {
    await stage.done("STATUS");
    const [range, only] = [{ subnet: "10.1.0.0/24" }, "10.1.0.9"];
    const single = {
      ipam: { type: "host-local", ranges: [[{ ...range, rangeStart: only, rangeEnd: only }]] },
    };
    await stage.done("ADD", single);
    assert.ok([50, 51].includes(assertRefused(await stage.call("STATUS", single), /./)));
  }),
  onStage("no call starts a program", async (stage) => {
    const file = builtPlugin("dummy");
    const trace = ["-f", "-e", "trace=execve,execveat", "-o", "/run/trace", file];
    for (const command of ["STATUS", "ADD", "DEL"]) {
      const env = {
        CNI_COMMAND: command,
        CNI_CONTAINERID: "id-a",
        CNI_NETNS: "/run/netns/a",
        CNI_IFNAME: "eth0",
        CNI_PATH: join(file, ".."),
      };
      await stage.node.exec("strace", trace, { env, input: JSON.stringify(config) });
      const { stdout } = await stage.node.exec("grep", ["-c", "exec", "/run/trace"]);
      assert.equal(stdout, "1", command);
    }
  }),
  onStage("the example gives addresses that answer in the container", async (stage) => {
    const text = readFileSync(join(projectRoot, "plugins/dummy/example.conflist"), "utf8");
    const { plugins, cniVersion, name } = JSON.parse(text) as { plugins: Keys[] } & Keys;
    const keys = { ...plugins[0], cniVersion, name };
    const prevResult = await stage.done("ADD", keys);
    await stage.ip("link", "set", "lo", "up");
    for (const address of ["10.35.0.2", "fd00:35::2"])
      await stage.node.exec("ping", ["-n", "-c", "1", "-W", "5", address], { netns: "a" });
    await stage.done("CHECK", { ...keys, prevResult });
    await stage.done("DEL", { ...keys, prevResult });
    assert.equal(await stage.eth0(), undefined);
  }),
];
