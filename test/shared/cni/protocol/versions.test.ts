import { beforeAll, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../../helpers/index.ts";
import {
  configurationOf,
  expectError,
  expectResult,
  expectSilence,
  isConfigured,
  plugins,
  prepare,
  run,
  versions,
} from "../subjects.ts";

test("every executable of the build has a configuration to be tried with", () => {
  expect(plugins.filter((plugin) => !isConfigured(plugin))).toEqual([]);
  expect(plugins).toContain("bridge");
});

const isAtLeast = (version: string, minimum: string) =>
  versions.indexOf(version) >= versions.indexOf(minimum);

describe.runIf(canRun("ip")).each(plugins)("%s", (plugin) => {
  test.each(versions)("goes through all verbs of %s", async (version) => {
    await using node = await createNode();
    await node.addNetns("c");
    await prepare(node, version);
    const config = configurationOf(plugin, version);
    const result = expectResult(await run(node, plugin, { command: "ADD", config }));
    expect(result["cniVersion"]).toBe(version);

    const attached = { ...config, prevResult: result };
    const check = () => run(node, plugin, { command: "CHECK", config: attached });
    if (isAtLeast(version, "0.4.0")) expectSilence(await check());
    else expectError(await check(), 1);

    const valid = [{ containerID: "c", ifname: "eth0" }];
    const gc = await run(node, plugin, {
      command: "GC",
      config: { ...config, "cni.dev/valid-attachments": valid },
    });
    const status = await run(node, plugin, { command: "STATUS", config });
    if (isAtLeast(version, "1.1.0")) {
      expectSilence(gc);
      expectSilence(status);
      expectSilence(await check(), "CHECK after GC");
    } else {
      expectError(gc, 1);
      expectError(status, 1);
    }
    expectSilence(await run(node, plugin, { command: "DEL", config: attached }));
    expectSilence(await run(node, plugin, { command: "DEL", config }), "DEL again");
  });

  test("says which verb a version does not have, in that version", async () => {
    await using node = await createNode();
    for (const [command, version] of [
      ["CHECK", "0.3.1"],
      ["GC", "1.0.0"],
      ["STATUS", "1.0.0"],
    ] as const) {
      const outcome = await run(node, plugin, { command, config: configurationOf(plugin, version) });
      expect(outcome.json, command).toMatchObject({
        cniVersion: version,
        code: 1,
        msg: `config version does not allow ${command}`,
      });
    }
  });
});

describe.runIf(canRun("ip")).each(plugins)("%s VERSION", (plugin) => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
    return () => node.dispose();
  });

  const version = (config: string | object) =>
    run(node, plugin, { command: "VERSION", config, containerId: "", netns: "", ifname: "", path: "" });

  test.each([...versions, "1.2.0"])("answers in %s when asked in it", async (cniVersion) => {
    const outcome = await version({ cniVersion });
    expect(expectResult(outcome)).toEqual({ cniVersion, supportedVersions: versions });
  });

  test.each(["", "{}", "garbage", "[]", '{"cniVersion":5}'])(
    "answers in the newest version when asked with %j",
    async (input) => {
      expect(expectResult(await version(input))).toEqual({
        cniVersion: "1.1.0",
        supportedVersions: versions,
      });
    },
  );
});

describe.runIf(canRun("ip")).each(plugins)("%s refuses", (plugin) => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
    await node.addNetns("c");
    await prepare(node);
    return () => node.dispose();
  });

  test.each(["0.0.1", "0.5.0", "1.0", "1.2.0", "2.0.0", "v1.0.0", "latest"])(
    "the version %s, whatever the verb",
    async (version) => {
      for (const command of ["ADD", "DEL", "CHECK", "GC", "STATUS"] as const) {
        const outcome = await run(node, plugin, { command, config: configurationOf(plugin, version) });
        expectError(outcome, 1, command);
        expect(outcome.json).toMatchObject({
          msg: "incompatible CNI versions",
          details: expect.stringContaining(JSON.stringify(version)),
        });
      }
    },
  );

  test("a version that is no text", async () => {
    for (const cniVersion of [1, true, ["1.0.0"], { major: 1 }]) {
      const config = { ...configurationOf(plugin, ""), cniVersion };
      expectError(await run(node, plugin, { command: "ADD", config }), 6, JSON.stringify(cniVersion));
    }
  });

  test.each([undefined, null, ""])("nothing when the version is %j: it means 0.1.0", async (cniVersion) => {
    const config = { ...configurationOf(plugin, "0.1.0"), cniVersion };
    expect(expectResult(await run(node, plugin, { command: "ADD", config }))).toMatchObject({
      cniVersion: "0.1.0",
    });
    expectSilence(await run(node, plugin, { command: "DEL", config }));
    expectError(await run(node, plugin, { command: "CHECK", config }), 1);
  });
});
