import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun, distBin } from "../../helpers/index.ts";
import { hostState, links, ports } from "../attachment/kernel-state.ts";
import { failed, Host, type Keys, network, type Pod, programs } from "./host.ts";

const folder = "/run/fake";
const config = network({ isGateway: true, ipMasq: true, macspoofchk: true, ipam: { type: "fake" } });
const good = { cniVersion: "1.1.0", ips: [{ address: "10.1.0.9/24", gateway: "10.1.0.1" }] };

/** A host whose only IPAM plugin, called `fake`, is a shell script; it writes down the verbs it is called with. */
const withIpam = async (script: string) => {
  const host = await Host.create();
  mkdirSync(host.node.path(folder));
  const file = host.node.path(`${folder}/fake`);
  writeFileSync(file, `#!/bin/sh\nPATH=/usr/bin:/bin\necho "$CNI_COMMAND" >> ${folder}/log\n${script}\n`);
  chmodSync(file, 0o755);
  writeFileSync(host.node.path(`${folder}/log`), "");
  const pod = await host.pod("a");
  const call = (command: "ADD" | "DEL" | "CHECK", keys: Keys = {}, env: Keys = {}) =>
    host.call(
      command,
      pod,
      { ...config, ...keys },
      {
        path: folder,
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...(env as Record<string, string>) },
      },
    );
  const verbs = () =>
    readFileSync(host.node.path(`${folder}/log`), "utf8")
      .trim()
      .split("\n");
  return { host, pod, call, verbs, [Symbol.asyncDispose]: () => host.node.dispose() };
};

/** Without the fake's own diary. */
const stateOf = async (host: Host) => {
  const state = await hostState(host.node);
  return { ...state, files: state.files.filter((line) => !line.startsWith(folder)) };
};

const onAdd = (commands: string) => `if [ "$CNI_COMMAND" = ADD ]; then\n${commands}\nfi`;
const printing = (value: object | string) =>
  onAdd(`cat <<'END'\n${typeof value === "string" ? value : JSON.stringify(value)}\nEND\n`);

const failures: [string, string, number, RegExp][] = [
  [
    "an error of its own, whose code and words are passed on",
    onAdd(`echo '{"cniVersion":"1.1.0","code":123,"msg":"no more milk","details":"buy some"}'; exit 1`),
    123,
    /no more milk.*buy some/,
  ],
  ["exit code 1 and nothing printed", onAdd("exit 1"), 999, /fake/],
  ["words on standard error", onAdd("echo 'all is lost' >&2; exit 3"), 999, /all is lost/],
  ["a signal", onAdd("kill -9 $$"), 999, /fake.*SIGKILL/],
  ["nothing printed", "true", 6, /fake/],
  ["garbage", printing("not json {"), 6, /not json/],
  ["JSON that is not an object", printing("[1,2]"), 6, /fake/],
  ["a result cut short", printing('{"cniVersion":"1.1.0","ips":['), 6, /fake/],
  ["a result without addresses", printing({ cniVersion: "1.1.0", ips: [] }), 7, /IP/],
  ["a result without ips", printing({ cniVersion: "1.1.0" }), 7, /IP/],
  [
    "addresses that are none",
    printing({ cniVersion: "1.1.0", ips: [{ address: "10.1.0.999/24" }] }),
    7,
    /10\.1\.0\.999/,
  ],
  [
    "an address without prefix length",
    printing({ cniVersion: "1.1.0", ips: [{ address: "10.1.0.9" }] }),
    7,
    /10\.1\.0\.9/,
  ],
  ["wrong types", printing({ cniVersion: "1.1.0", ips: [{ address: 7 }] }), 6, /address/],
  ["a result of an unknown version", printing({ ...good, cniVersion: "7.0.0" }), 1, /./],
  [
    "a gateway that is no address",
    printing({ ...good, ips: [{ address: "10.1.0.9/24", gateway: "x" }] }),
    7,
    /x/,
  ],
  [
    "a gateway of the other family",
    printing({ ...good, ips: [{ address: "10.1.0.9/24", gateway: "fd00::1" }] }),
    7,
    /fd00::1/,
  ],
  [
    "the network's size of one",
    printing({ ...good, ips: [{ address: "10.1.0.9/32" }] }),
    7,
    /10\.1\.0\.9\/32/,
  ],
  ["the same address twice", printing({ ...good, ips: [good.ips[0], good.ips[0]] }), 7, /10\.1\.0\.9/],
  ["10 MB of garbage", onAdd("head -c 10000000 /dev/zero | tr '\\0' x"), 6, /fake/],
];

describe.runIf(canRun(...programs))("ADD whose IPAM plugin answers with", () => {
  test.each(failures)(
    "%s fails, frees the address and leaves the host as it was",
    async (_kind, script, code, words) => {
      await using stage = await withIpam(script);
      const { host } = stage;
      const before = await stateOf(host);
      const error = failed(await stage.call("ADD"), code, words);
      expect(JSON.stringify(error).length).toBeLessThan(5000);
      expect(await stateOf(host)).toEqual(before);
      expect(await links(host.node, "a")).toHaveLength(1);
      expect(stage.verbs()).toEqual(["ADD", "DEL"]);
    },
  );

  test("no end is stopped after a while, and freed", async () => {
    await using stage = await withIpam(onAdd("exec sleep 1000"));
    const before = await stateOf(stage.host);
    failed(await stage.call("ADD", {}, { PODWIRE_DELEGATE_TIMEOUT: "1" }), 11, /fake.*1 s/);
    expect(await stateOf(stage.host)).toEqual(before);
    expect(stage.verbs()).toEqual(["ADD", "DEL"]);
  });

  test("a result and a child that keeps its output open, is not waited for beyond the limit", async () => {
    await using stage = await withIpam(`${printing(good)}\n${onAdd("sleep 1000 &")}`);
    const run = await stage.call("ADD", {}, { PODWIRE_DELEGATE_TIMEOUT: "2" });
    expect([0, 1]).toContain(run.exitCode);
    if (run.exitCode === 1) expect(await links(stage.host.node, "a")).toHaveLength(1);
  });

  test("an error, and an error to DEL too: both are told", async () => {
    await using stage = await withIpam(`echo "{\\"code\\":99,\\"msg\\":\\"bad $CNI_COMMAND\\"}"; exit 1`);
    failed(await stage.call("ADD"), 99, /bad ADD.*bad DEL/s);
  });

  test("a result: its words on standard error are passed on, and it is given what we were given", async () => {
    const script = `${printing(good)}\n${onAdd(`echo "$CNI_CONTAINERID $CNI_IFNAME $CNI_NETNS $CNI_PATH" >&2`)}`;
    await using stage = await withIpam(script);
    const run = await stage.call("ADD");
    expect(run).toMatchObject({ exitCode: 0, stderr: `id-a eth0 /run/netns/a ${folder}` });
    expect(run.json.ips[0].address).toBe("10.1.0.9/24");
  });

  test.each([
    [
      "0.2.0",
      {
        cniVersion: "0.2.0",
        ip4: { ip: "10.1.0.9/24", gateway: "10.1.0.1", routes: [{ dst: "0.0.0.0/0" }] },
      },
    ],
    [
      "0.4.0",
      {
        cniVersion: "0.4.0",
        ips: [{ version: "4", address: "10.1.0.9/24" }],
        routes: [{ dst: "0.0.0.0/0" }],
      },
    ],
    ["no version", { ips: [{ address: "10.1.0.9/24" }], routes: [{ dst: "0.0.0.0/0" }] }],
  ])("a result in the form of %s, which is understood", async (_version, result) => {
    await using stage = await withIpam(printing(result));
    const run = await stage.call("ADD");
    expect(run.json, run.stdout).toMatchObject({
      cniVersion: "1.1.0",
      ips: [{ address: "10.1.0.9/24", gateway: "10.1.0.1", interface: 2 }],
      routes: [{ dst: "0.0.0.0/0" }],
    });
  });
});

describe.runIf(canRun(...programs))("an IPAM plugin that fails a later step of ADD", () => {
  test("by an IPv6 address for an interface with a smaller MTU is told so", async () => {
    const ips = [{ address: "fd00:1::9/64" }];
    await using stage = await withIpam(printing({ cniVersion: "1.1.0", ips }));
    const run = await stage.call("ADD", { mtu: 1000, isGateway: false });
    failed(run, 7, /eth0 can have no IPv6 address: its MTU is below 1280.*"mtu"/);
    expect(stage.verbs()).toEqual(["ADD", "DEL"]);
  });

  test("is told to free the address", async () => {
    const routes = [{ dst: "192.0.2.0/24", gw: "203.0.113.9" }];
    await using stage = await withIpam(printing({ ...good, routes }));
    const before = await stateOf(stage.host);
    failed(await stage.call("ADD"), 7, "192.0.2.0/24");
    expect(stage.verbs()).toEqual(["ADD", "DEL"]);
    const { links: now, addresses } = await stateOf(stage.host);
    expect([now, addresses]).toEqual([before.links, before.addresses]);
  });
});

describe.runIf(canRun(...programs))("other verbs with a failing IPAM plugin", () => {
  test("DEL does all the rest, then says so", async () => {
    await using stage = await withIpam(`${printing(good)}\nif [ "$CNI_COMMAND" = DEL ]; then exit 9; fi`);
    const { host, pod } = stage;
    await stage.call("ADD");
    failed(await stage.call("DEL"), 999, /fake.*DEL/);
    expect(await links(host.node, pod.name)).toHaveLength(1);
    expect(await ports(host.node, "br0")).toEqual([]);
    const { ipsets } = await hostState(host.node);
    expect(ipsets.filter((line) => line.startsWith("add "))).toEqual([]);
  });

  test("CHECK fails with its error", async () => {
    const complain = `if [ "$CNI_COMMAND" = CHECK ]; then echo '{"code":77,"msg":"not mine"}'; exit 1; fi`;
    await using stage = await withIpam(`${printing(good)}\n${complain}`);
    const prevResult = (await stage.call("ADD")).json;
    failed(await stage.call("CHECK", { prevResult }), 77, "not mine");
  });
});

describe.runIf(canRun(...programs))(
  "the IPAM plugin is not run, and nothing is changed, if its type is",
  () => {
    const path = `${folder}:${distBin}`;
    test.each([
      ["../fake", 7],
      ["/run/fake/fake", 7],
      ["a/b", 7],
      ["..", 7],
      ["fake\0", 7],
      ["missing", 5],
      [".", 5],
    ])("%j", async (type, code) => {
      await using stage = await withIpam(printing(good));
      const { host } = stage;
      const pod: Pod = stage.pod;
      const before = await stateOf(host);
      failed(await host.call("ADD", pod, { ...config, ipam: { type } }, { path }), code);
      expect(await stateOf(host)).toEqual(before);
      expect(stage.verbs()).toEqual([""]);
    });
  },
);
