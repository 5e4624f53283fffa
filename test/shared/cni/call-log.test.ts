import { readFileSync, statSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { builtPlugin, canRun, createNode, type Node, type PluginCall } from "../../helpers/index.ts";

const LOG = "/run/calls.log";
const hostLocal = { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] };
const config = {
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  ipMasq: true,
  ipam: hostLocal,
};
const path = "/usr/sbin:/usr/bin:/sbin:/bin";

const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");
const log = (node: Node, file = LOG) =>
  linesOf(readFileSync(node.path(file), "utf8")).map((line) => JSON.parse(line));

/** A call with a log, by the environment by default. */
const call = (node: Node, made: PluginCall, env: Record<string, string> = { PODWIRE_LOG: LOG }) =>
  node.plugin(builtPlugin("bridge"), {
    config,
    ifname: "eth0",
    containerId: "c1",
    env: { PATH: path, ...env },
    ...made,
  });

describe.runIf(canRun("ip", "iptables", "ipset"))("the log of calls", () => {
  test("has a line for each call: whose it is, what came of it, and the steps", async () => {
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const added = await call(node, { command: "ADD", netns }, { PODWIRE_LOG: LOG, TRACEPARENT: traceparent });
    await call(node, { command: "CHECK", netns, config: { ...config, prevResult: added.json } });
    await call(node, { command: "DEL", netns });
    const lines = log(node);
    expect(lines.map(({ verb }) => verb)).toEqual(["ADD", "CHECK", "DEL"]);
    for (const line of lines) {
      expect(line).toMatchObject({
        plugin: "bridge",
        network: "net",
        container: "c1",
        interface: "eth0",
        netns,
      });
      expect(line).not.toHaveProperty("error");
      expect(Math.abs(Date.now() - Date.parse(line.time))).toBeLessThan(600_000);
      expect(line.milliseconds).toBeGreaterThan(0);
      for (const { milliseconds } of line.steps) expect(milliseconds).toBeLessThanOrEqual(line.milliseconds);
    }
    const [add, check, del] = lines;
    expect(add).toMatchObject({ result: added.json, traceparent });
    expect([check, del].some((line) => "result" in line || "traceparent" in line)).toBe(false);
    const names = (line: { steps: { name: string }[] }) => line.steps.map(({ name }) => name);
    expect(names(add)).toEqual(
      expect.arrayContaining(["host-local ADD", "bridge", "veth", "inside", "filter"]),
    );
    expect(names(del)).toEqual(expect.arrayContaining(["link", "filter", "host-local DEL"]));
    expect(statSync(node.path(LOG)).mode & 0o777).toBe(0o600);
  });

  test("has the error of a call that fails, at whatever point", async () => {
    await using node = await createNode();
    const failures = [
      await call(node, { command: "ADD", netns: "/run/netns/none" }),
      await call(node, { command: "ADD", netns: "/run/netns/none", config: "{" }),
      await call(node, { command: "ADD", netns: "/run/netns/none", containerId: "a/b" }),
    ];
    const lines = log(node);
    expect(lines.map(({ error }) => error)).toEqual(failures.map(({ json }) => json));
    expect(failures.map(({ json }) => json.code)).toEqual([8, 6, 4]);
    expect(lines.map(({ network }) => network)).toEqual(["net", undefined, undefined]);
  });

  test("is asked for by the configuration too, and the environment comes first", async () => {
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const logging = { ...config, podwireLog: "/run/other.log" };
    await call(node, { command: "ADD", netns, config: logging }, {});
    await call(node, { command: "DEL", netns, config: logging });
    expect(log(node, "/run/other.log").map(({ verb }) => verb)).toEqual(["ADD"]);
    expect(log(node).map(({ verb }) => verb)).toEqual(["DEL"]);
  });

  test("is written by a delegate in a process of its own", async () => {
    await using node = await createNode();
    await node.exec("mkdir", ["/run/bin"]);
    await node.exec("cp", [builtPlugin("host-local"), "/run/bin/host-local"]);
    const netns = await node.addNetns("c1");
    expect(await call(node, { command: "ADD", netns, path: "/run/bin" })).toMatchObject({ exitCode: 0 });
    expect(log(node).map(({ plugin }) => plugin)).toEqual(["host-local", "bridge"]);
  });

  test("keeps lines of calls at the same time whole", async () => {
    await using node = await createNode();
    const names = Array.from({ length: 12 }, (_, index) => `c${index}`);
    for (const name of names) await node.addNetns(name);
    await Promise.all(
      names.map((containerId) =>
        call(node, { command: "ADD", containerId, netns: `/run/netns/${containerId}` }),
      ),
    );
    const containers = log(node).map(({ container }) => container);
    expect(containers.sort()).toEqual([...names].sort());
  });

  test("is not there unless it is asked for", async () => {
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    for (const env of [{}, { PODWIRE_LOG: "" }])
      expect(await call(node, { command: "DEL", netns }, env)).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await node.exec("find", ["/run", "-name", "*.log"])).stdout).toBe("");
  });
});

describe.runIf(canRun("ip", "iptables", "ipset"))("a log that cannot be written", () => {
  test.each([
    ["a folder", "/run"],
    ["in a folder that is not there", "/run/none/calls.log"],
    ["a device that is full", "/dev/full"],
    ["a pipe without a reader", "/run/pipe"],
    ["no path at all", "a\u0001b/c"],
  ])("%s: the call works, its output is its own, and standard error has the reason", async (_, file) => {
    await using node = await createNode();
    await node.exec("mkfifo", ["/run/pipe"]);
    const netns = await node.addNetns("c1");
    for (const [env, keys] of [[{ PODWIRE_LOG: file }, {}] as const, [{}, { podwireLog: file }] as const]) {
      const made = { netns, config: { ...config, ...keys } };
      const added = await call(node, { command: "ADD", ...made }, env);
      expect(added).toMatchObject({ exitCode: 0, json: { ips: [{}] } });
      expect(added.stderr).toMatch(/^podwire: the call log cannot be written: /);
      expect(added.stderr).toContain(file);
      expect(await call(node, { command: "DEL", ...made }, env)).toMatchObject({ exitCode: 0, stdout: "" });
    }
  });

  test("a key that is no text is no reason to fail", async () => {
    await using node = await createNode();
    const made = { netns: await node.addNetns("c1"), config: { ...config, podwireLog: 7 } };
    expect(await call(node, { command: "ADD", ...made }, {})).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await call(node, { command: "DEL", ...made }, {})).toMatchObject({ exitCode: 0, stderr: "" });
  });
});
