import { beforeAll, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../../helpers/index.ts";
import { configurationOf, expectError, expectSilence, plugins, prepare, run, stateOf } from "../subjects.ts";

const verbs = ["ADD", "CHECK", "DEL", "GC", "STATUS"] as const;

const noObject = {
  nothing: "",
  "white space": " \n\t",
  "half an object": '{"cniVersion":"1.1.0","name":"net"',
  "two objects": '{"cniVersion":"1.1.0","name":"net"} {"cniVersion":"1.1.0","name":"net"}',
  "single quotes": "{'cniVersion':'1.1.0'}",
  "bytes that are no text": new Uint8Array([0xff, 0xfe, 0x00, 0x80]),
  "a null byte": "\0",
  "a list": "[]",
  null: "null",
  "a number": "1",
  text: '"{}"',
};

const hugeAndBroken = {
  "a million brackets": "[".repeat(1e6),
  "4 MB that never end": `{"pad":"${"x".repeat(4e6)}`,
};

const most = 4 << 20;

/** What more than is read may be: it is refused before it is read. */
const tooMuch = {
  "10 MB of text": `{"pad":"${"x".repeat(10e6)}"}`,
  "ten million brackets": "[".repeat(10e6),
  "10 MB of lists in lists": `${"[".repeat(5e6)}${"]".repeat(5e6)}`,
  "10 MB of numbers": `[${"1,".repeat(5e6)}1]`,
  "10 MB of objects": `[${"{},".repeat(3e6)}{}]`,
  "10 MB of keys": `{${'"key":1,'.repeat(125e4)}"key":1}`,
  "10 MB of white space": " ".repeat(10e6),
  "10 MB of bytes that are no text": new Uint8Array(10e6).fill(0xff),
  "one byte too much": " ".repeat(most + 1),
};

const wrongTypes: Record<string, unknown> = {
  name: { a: 1 },
  type: 5,
  ipam: "host-local",
  runtimeConfig: [],
  args: "IP=1",
  dns: ["192.0.2.1"],
};

const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

/** A configuration that works, with a key that no plugin knows. */
const withDeepKey = (plugin: string, levels: number) =>
  `${JSON.stringify(configurationOf(plugin, "1.0.0")).slice(0, -1)},"deep":${nested(levels)}}`;

const padding: Record<string, unknown> = {
  "one text": "x".repeat(4e6),
  "a long list": Array.from({ length: 5e5 }, (_, index) => index),
  "many keys": Object.fromEntries(Array.from({ length: 1e5 }, (_, index) => [`key-${index}`, { index }])),
};

describe.runIf(canRun("ip")).each(plugins)("%s", (plugin) => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
    await node.addNetns("c");
    await prepare(node);
    return () => node.dispose();
  });

  test.each(Object.entries(noObject))("refuses %s where a configuration should be", async (_, config) => {
    for (const command of verbs) expectError(await run(node, plugin, { command, config }), 6, command);
  });

  test.each(Object.entries(hugeAndBroken))("refuses %s, and does not fall over it", async (_, config) => {
    for (const command of ["ADD", "DEL"] as const) {
      expectError(await run(node, plugin, { command, config }), 6, command);
    }
  });

  test.each(Object.entries(tooMuch))("refuses %s, and says why", async (_, config) => {
    for (const command of ["ADD", "DEL", "GC"] as const) {
      const outcome = await run(node, plugin, { command, config });
      expectError(outcome, 6, command);
      expect(outcome.json.msg).toBe(
        `the network configuration on standard input has more than ${most} bytes`,
      );
    }
  });

  test("takes as many bytes as it may have", async () => {
    const text = JSON.stringify(configurationOf(plugin, "1.0.0"));
    const config = text.padEnd(most, " ");
    expect(await run(node, plugin, { command: "ADD", config })).toMatchObject({ exitCode: 0 });
    expectSilence(await run(node, plugin, { command: "DEL", config }));
  });

  test("refuses values of a wrong type by the name of their key, and changes nothing", async () => {
    const before = await stateOf(node);
    for (const [key, value] of Object.entries(wrongTypes)) {
      for (const command of ["ADD", "DEL"] as const) {
        const config = { ...configurationOf(plugin, "1.0.0"), [key]: value };
        const outcome = await run(node, plugin, { command, config });
        expectError(outcome, 6, `${command} ${key}`);
        expect(outcome.json.msg).toContain(`"${key}"`);
      }
    }
    expect(await stateOf(node)).toEqual(before);
  });

  test("refuses a network whose name is missing or is a path, and changes nothing", async () => {
    const before = await stateOf(node);
    for (const name of ["", null, "..", "../../etc", "a/b", "-n", "a b", "a\n", "caf\u00e9"]) {
      for (const command of verbs) {
        const config = { ...configurationOf(plugin, "1.1.0"), name };
        expectError(await run(node, plugin, { command, config }), 7, `${command} ${name}`);
      }
    }
    expect(await stateOf(node)).toEqual(before);
  });

  test.each(Object.entries(padding))("works with megabytes of configuration: %s", async (_, pad) => {
    const config = { ...configurationOf(plugin, "1.0.0"), pad };
    expect(await run(node, plugin, { command: "ADD", config })).toMatchObject({ exitCode: 0 });
    expectSilence(await run(node, plugin, { command: "DEL", config }));
  });

  test("works with a configuration that is nested deeply", async () => {
    const config = withDeepKey(plugin, 9_000);
    expect(await run(node, plugin, { command: "ADD", config })).toMatchObject({ exitCode: 0 });
    expectSilence(await run(node, plugin, { command: "DEL", config }));
  });

  test("refuses a configuration that is nested deeper than the stack allows, and says so", async () => {
    const before = await stateOf(node);
    for (const command of verbs) {
      const outcome = await run(node, plugin, { command, config: withDeepKey(plugin, 1e5) });
      expectError(outcome, 6, command);
      expect(outcome.json.msg).toContain("nested too deeply");
    }
    expect(await stateOf(node)).toEqual(before);
  });

  test("refuses a value of a wrong type that is too deep to be said, and says so", async () => {
    const text = JSON.stringify({ ...configurationOf(plugin, "1.0.0"), name: undefined });
    const config = `${text.slice(0, -1)},"name":${nested(25_000)}}`;
    const outcome = await run(node, plugin, { command: "ADD", config });
    expectError(outcome, 6);
    expect(outcome.json).toMatchObject({
      msg: expect.stringContaining('"name"'),
      details: expect.stringContaining("nested too deeply"),
    });
  });

  test("says where a configuration is no JSON", async () => {
    const config = `${JSON.stringify(configurationOf(plugin, "1.0.0"), undefined, 2).slice(0, -2)},\n  bad: 1\n}\n`;
    const outcome = await run(node, plugin, { command: "ADD", config });
    expectError(outcome, 6);
    expect(outcome.json.details).toContain(`at line ${config.split("\n").length - 2}, column 3`);
  });

  test("answers a huge bad value with a short error", async () => {
    const config = { ...configurationOf(plugin, "1.0.0"), name: "/".repeat(1e6) };
    const outcome = await run(node, plugin, { command: "ADD", config });
    expectError(outcome, 7);
    expect(outcome.stdout.length).toBeLessThan(2000);
  });

  test("reads keys as the reference plugins do: in any case, with unknown ones ignored", async () => {
    const { cniVersion, name, ...rest } = configurationOf(plugin, "1.0.0");
    const config = { CNIVERSION: cniVersion, Name: name, ...rest, extra: { of: "another" } };
    const outcome = await run(node, plugin, { command: "ADD", config });
    expect(outcome.json, outcome.stdout).toMatchObject({ cniVersion: "1.0.0" });
    expectSilence(await run(node, plugin, { command: "DEL", config }));
  });

  test("cannot be fooled by keys that every object has", async () => {
    const text = JSON.stringify({ ...configurationOf(plugin, "1.0.0"), name: undefined });
    const config = `${text.slice(0, -1)},"__proto__":{"name":"net"}}`;
    expectError(await run(node, plugin, { command: "ADD", config }), 7);
  });
});
