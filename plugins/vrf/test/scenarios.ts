/** What needs a kernel with VRF devices: tests on a node in the virtual machine (test/vm). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { builtPlugin, projectRoot } from "../../../test/helpers/index.ts";
import { assertRefused } from "../../../test/vm/scenarios/pods.ts";
import type { Scenario } from "../../../test/vm/scenarios/scenario.ts";
import { addressesOf, type Keys, type Stage, scenariosOn } from "../../../test/vm/scenarios/stage.ts";
import { nodeState } from "../../../test/vm/scenarios/state.ts";

const { plugins, name } = JSON.parse(
  readFileSync(join(projectRoot, "plugins/vrf/example.conflist"), "utf8"),
) as { plugins: [Keys, Keys]; name: string };
const common = { cniVersion: "1.1.0", name };
const ptp: Keys = { ...plugins[0], ...common };
const config: Keys = { ...plugins[1], ...common };

const onStage = scenariosOn(config);

/** The first plugin of the chain, for the same container. */
const attach = (stage: Stage) => stage.done("ADD", ptp);

/** The routes of the interface that a program has made, in a table. */
async function routesIn(stage: Stage, table: number | string): Promise<string[]> {
  const lines: string[] = [];
  for (const family of ["-4", "-6"]) {
    const words = [family, "route", "show", "table", String(table), "dev", "eth0"];
    const { stdout } = await stage.node.exec("ip", words, { netns: stage.pod, reject: false });
    lines.push(...stdout.split("\n").map((line) => line.trim()));
  }
  return lines.filter((line) => /^(default|10\.|fd00)/.test(line)).sort();
}

const masterOf = async (stage: Stage) => ((await stage.eth0()) as { master?: string } | undefined)?.master;

/** A program that binds to the VRF device. */
const inVrf = ({ node, pod }: Stage, address: string) =>
  node.exec("ping", ["-n", "-c", "1", "-W", "5", "-I", "tenant", address], { netns: pod });

/** Whether the node reaches the container. */
const reaches = async (stage: Stage, address: string) =>
  (await stage.node.exec("ping", ["-n", "-c", "3", "-i", "0.2", "-W", "2", address], { reject: false }))
    .exitCode === 0;

export const scenarios: readonly Scenario[] = [
  onStage(
    "addresses and routes move into the VRF's table and back, traffic passes, nothing is left",
    async (stage) => {
      const before = await nodeState(stage.node);
      const prevResult = await attach(stage);
      const [addresses, routes] = [addressesOf(await stage.eth0()), await routesIn(stage, "main")];
      assert.ok(routes.some((line) => line.startsWith("default via 10.39.0.1")));
      // Without it the kernel drops IPv6 addresses when the interface joins.
      await stage.node.exec("sh", ["-c", "echo 0 >/proc/sys/net/ipv6/conf/eth0/keep_addr_on_down"], {
        netns: "a",
      });

      assert.deepEqual(await stage.done("ADD", { prevResult }), prevResult);
      assert.equal(await masterOf(stage), "tenant");
      const device = (await stage.links()).find(({ ifname }) => ifname === "tenant");
      assert.equal(device?.linkinfo?.info_kind, "vrf");
      assert.equal(device?.ifalias, "podwire network=tenant container=id-a interface=eth0");
      assert.ok(device?.flags.includes("UP"));
      assert.deepEqual(addressesOf(await stage.eth0()), addresses);
      const moved = await routesIn(stage, 1);
      for (const start of ["default via 10.39.0.1", "default via fd00:39::1", "10.39.0.", "fd00:39::"])
        assert.ok(
          moved.some((line) => line.startsWith(start)),
          `${start} in ${moved.join("; ")}`,
        );
      assert.deepEqual(await routesIn(stage, "main"), []);
      for (const address of ["10.39.0.2", "fd00:39::2"]) assert.ok(await reaches(stage, address), address);
      for (const address of ["10.39.0.1", "fd00:39::1"]) await inVrf(stage, address);
      await stage.done("CHECK", { prevResult });
      // The plugin before it finds addresses and routes where they are now.
      await stage.done("CHECK", { ...ptp, prevResult });
      // As after a kill.
      await stage.done("ADD", { prevResult });
      assert.deepEqual(await routesIn(stage, 1), moved);

      await stage.done("DEL", { prevResult });
      assert.equal(await masterOf(stage), undefined);
      assert.deepEqual(await stage.names(), ["lo", "eth0"]);
      assert.deepEqual(addressesOf(await stage.eth0()), addresses);
      assert.deepEqual(
        (await routesIn(stage, "main")).map((line) => line.split(" ")[0]),
        routes.map((line) => line.split(" ")[0]),
      );
      assert.ok(await reaches(stage, "10.39.0.2"));
      await stage.done("DEL", { prevResult });
      await stage.done("DEL", { ...ptp, prevResult });
      assert.deepEqual(await nodeState(stage.node), before);
    },
  ),
  onStage(
    "tables are free ones, also beside routes and rules, and interfaces added at once do not collide",
    async (stage) => {
      const { node } = stage;
      await stage.ip("link", "set", "lo", "up");
      await stage.ip("route", "add", "192.0.2.0/24", "dev", "lo", "table", "1");
      await stage.ip("rule", "add", "fwmark", "9", "lookup", "2");
      const names = ["eth0", "net1", "net2", "net3"];
      const results: Keys[] = [];
      for (const ifname of names) results.push(await stage.done("ADD", ptp, undefined, ifname));
      await Promise.all(
        names.map((ifname, index) =>
          stage.done("ADD", { vrfname: `vrf${index >> 1}`, prevResult: results[index] }, undefined, ifname),
        ),
      );
      const devices = await node.execJson<{ ifname: string; linkinfo: { info_data: { table: number } } }[]>(
        "ip",
        ["-j", "-d", "link", "show", "type", "vrf"],
        { netns: "a" },
      );
      assert.deepEqual(devices.map(({ ifname }) => ifname).sort(), ["vrf0", "vrf1"]);
      assert.deepEqual(devices.map(({ linkinfo }) => linkinfo.info_data.table).sort(), [3, 4]);
      // A device goes with its last interface.
      await stage.done("DEL", { vrfname: "vrf0" }, undefined, "eth0");
      assert.ok((await stage.names()).includes("vrf0"));
      await stage.done("DEL", { vrfname: "vrf0" }, undefined, "net1");
      assert.ok(!(await stage.names()).includes("vrf0"));
      // Also when the interface went first.
      await stage.ip("link", "delete", "net2");
      await stage.done("DEL", { vrfname: "vrf1" }, undefined, "net2");
      assert.ok((await stage.names()).includes("vrf1"));
      await stage.ip("link", "delete", "net3");
      await stage.done("DEL", { vrfname: "vrf1" }, undefined, "net3");
      assert.ok(!(await stage.names()).includes("vrf1"));
    },
  ),
  onStage(
    "refusals say what is in the way, and change nothing; CHECK says what is missing",
    async (stage) => {
      const prevResult = await attach(stage);
      const before = await stage.routes();
      await stage.ip("link", "add", "tenant", "type", "vrf", "table", "7");
      assertRefused(
        await stage.call("ADD", { table: 8, prevResult }),
        /already exist with different routing table 7/,
      );
      assert.deepEqual(await stage.routes(), before);
      assertRefused(await stage.call("CHECK", { prevResult }), /eth0 is not below the VRF tenant/);
      await stage.done("ADD", { table: 7, prevResult });
      await stage.done("CHECK", { table: 7, prevResult });
      await stage.ip("link", "set", "tenant", "down");
      assertRefused(await stage.call("CHECK", { prevResult }), /tenant .*is down/);
      assertRefused(
        await stage.call("ADD", { vrfname: "other", prevResult }),
        /has already a master set: tenant/,
      );
      await stage.done("STATUS");
      // A path that leads to another container by now.
      await stage.other("a", "id-former").done("DEL");
      assert.equal(await masterOf(stage), "tenant");
    },
  ),
  onStage("each plugin removes what the other one made", async (stage) => {
    const reference = stage.reference();
    for (const [maker, remover] of [
      [reference, stage],
      [stage, reference],
    ] as const) {
      const prevResult = await attach(stage);
      const keys = { cniVersion: "1.0.0", prevResult: { ...prevResult, cniVersion: "1.0.0" } };
      await maker.done("ADD", keys);
      assert.equal(await masterOf(stage), "tenant");
      await remover.done("CHECK", keys);
      await remover.done("DEL", keys);
      assert.deepEqual(await stage.names(), ["lo", "eth0"]);
      await stage.done("DEL", { ...ptp, prevResult });
    }
  }),
  onStage("an ADD one of whose requests fails takes everything back", async (stage) => {
    const prevResult = await attach(stage);
    const state = async () => [
      await stage.names(),
      await masterOf(stage),
      addressesOf(await stage.eth0()),
      await routesIn(stage, "main"),
    ];
    const before = await state();
    const file = builtPlugin("vrf");
    const env = {
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "id-a",
      CNI_NETNS: "/run/netns/a",
      CNI_IFNAME: "eth0",
      CNI_PATH: join(file, ".."),
    };
    const input = JSON.stringify({ ...config, prevResult });
    let when = 1;
    for (; ; when++) {
      const inject = ["-e", "trace=sendto,execve", "-e", `inject=sendto:error=EIO:when=${when}`];
      const run = await stage.node.exec("strace", ["-o", "/run/trace", ...inject, file], {
        env,
        input,
        reject: false,
      });
      if (run.exitCode === 0) break;
      assert.deepEqual(await state(), before, `request ${when}`);
    }
    assert.ok(when > 8, String(when));
    // The last call succeeded, and started no program.
    assert.equal((await stage.node.exec("grep", ["-c", "execve(", "/run/trace"])).stdout, "1");
    assert.equal(await masterOf(stage), "tenant");
  }),
];
