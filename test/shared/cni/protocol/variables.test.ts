import { beforeAll, describe, expect, test } from "vitest";
import { builtPlugin, type CniCommand, canRun, createNode, type Node } from "../../../helpers/index.ts";
import { configurationOf, expectError, expectSilence, plugins, prepare, run, stateOf } from "../subjects.ts";

const needed: [CniCommand, string[]][] = [
  ["ADD", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]],
  ["CHECK", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]],
  ["DEL", ["CNI_CONTAINERID", "CNI_IFNAME"]],
];

const badContainerIds = [
  "../../etc/passwd",
  "a/b",
  "-rf",
  ".",
  "..",
  "a b",
  "a\n",
  "\u001b[31m",
  "c\u00e9",
  "$(reboot)",
  "a;b",
  "%s%n",
];

const badInterfaceNames = [
  ".",
  "..",
  "../../x",
  "a/b",
  "eth0:1",
  "eth%d",
  "eth 0",
  "eth0\n",
  "a\u00a0b",
  "\u001b[31m",
  "a\u007f",
  "sixteen-letters!",
  "\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e",
  "\u00e0",
];

describe.runIf(canRun("ip")).each(plugins)("%s", (plugin) => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
    await node.addNetns("c");
    await prepare(node);
    return () => node.dispose();
  });

  test.each(needed)(
    "%s names all variables that are missing, before it reads its input",
    async (verb, names) => {
      // This input never gets a byte or an end.
      const script = `mkfifo /run/input-${verb}; exec ${builtPlugin(plugin)} <>/run/input-${verb}`;
      const env = { CNI_COMMAND: verb, PATH: process.env["PATH"] ?? "" };
      const { exitCode, stdout } = await node.exec("sh", ["-c", script], { env, reject: false });
      expect(exitCode).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({
        code: 4,
        msg: `required env variables [${names.join(",")}] missing`,
      });
    },
  );

  test.each(needed)("%s takes an empty variable for a missing one", async (command, names) => {
    const empty = { containerId: "", netns: "", ifname: "" };
    const outcome = await run(node, plugin, { command, ...empty, config: configurationOf(plugin, "1.0.0") });
    expectError(outcome, 4);
    expect(outcome.json.msg).toBe(`required env variables [${names.join(",")}] missing`);
  });

  test("refuses container IDs that could be paths, options, or worse, and changes nothing", async () => {
    const before = await stateOf(node);
    for (const containerId of badContainerIds) {
      for (const command of ["ADD", "CHECK", "DEL"] as const) {
        const outcome = await run(node, plugin, {
          command,
          containerId,
          config: configurationOf(plugin, "1.0.0"),
        });
        expectError(outcome, 4, JSON.stringify(containerId));
        expect(outcome.json.msg).toContain("CNI_CONTAINERID");
      }
    }
    expect(await stateOf(node)).toEqual(before);
  });

  test("refuses interface names that the kernel would refuse, or read as a pattern, and changes nothing", async () => {
    const before = await stateOf(node);
    for (const ifname of badInterfaceNames) {
      for (const command of ["ADD", "CHECK", "DEL"] as const) {
        const outcome = await run(node, plugin, {
          command,
          ifname,
          config: configurationOf(plugin, "1.0.0"),
        });
        expectError(outcome, 4, JSON.stringify(ifname));
        expect(outcome.json.msg).toContain("CNI_IFNAME");
      }
    }
    expect(await stateOf(node)).toEqual(before);
  });

  test("attaches a container with the longest names that are allowed", async () => {
    const attachment = { containerId: "f".repeat(64), ifname: "\u65e5\u672c\u8a9e\u65e5\u672c" };
    const config = configurationOf(plugin, "1.0.0");
    expect(await run(node, plugin, { command: "ADD", ...attachment, config })).toMatchObject({ exitCode: 0 });
    expectSilence(await run(node, plugin, { command: "DEL", ...attachment, config }));
  });

  test("does not ask GC and STATUS for a container", async () => {
    const config = { ...configurationOf(plugin, "1.1.0"), "cni.dev/valid-attachments": [] };
    for (const command of ["GC", "STATUS"] as const) {
      const call = { command, containerId: "", netns: "", ifname: "", config };
      expectSilence(await run(node, plugin, call), command);
    }
  });

  test.each(["add", "DELETE", "ADD ", "constructor"])("does not know the verb %j", async (command) => {
    const call = { command: command as CniCommand, config: configurationOf(plugin, "1.0.0") };
    const outcome = await run(node, plugin, call);
    expectError(outcome, 4);
    expect(outcome.json.msg).toBe(`unknown CNI_COMMAND: ${JSON.stringify(command)}`);
  });

  test("does its work with nothing but the CNI variables set", async () => {
    const config = configurationOf(plugin, "1.0.0");
    expect(await run(node, plugin, { command: "ADD", config, env: {} })).toMatchObject({ exitCode: 0 });
    expectSilence(await run(node, plugin, { command: "DEL", config, env: {} }));
  });

  test.each([{ args: ["--version"] }, { args: [] }])(
    "describes itself when called with $args",
    async ({ args }) => {
      const env = args.length === 0 ? {} : { CNI_COMMAND: "ADD" };
      const outcome = await node.exec(builtPlugin(plugin), args, { env });
      expect(outcome).toMatchObject({ exitCode: 0, stdout: "" });
      expect(outcome.stderr).toMatch(/^podwire [a-z-]+ \d+\.\d+\.\d+: /);
      expect(outcome.stderr).toContain("0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0");
      expect(outcome.stderr).toContain(plugin);
    },
  );
});
