import { writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { builtPlugin, type CommandResult, canRun, createNode, type Node } from "../../../helpers/index.ts";
import { delegatePath } from "../delegates.ts";
import { configurationOf, expectError, plugins, prepare, run, stateOf } from "../subjects.ts";

/** Calls a plugin from a shell, which connects its standard input and output as `redirection` says. */
const redirected = (
  node: Node,
  plugin: string,
  command: string,
  redirection: string,
): Promise<CommandResult> => {
  writeFileSync(node.path("/run/config"), JSON.stringify(configurationOf(plugin, "1.0.0")));
  const env = {
    PATH: process.env["PATH"] ?? "",
    CNI_COMMAND: command,
    CNI_CONTAINERID: "c",
    CNI_NETNS: "/run/netns/c",
    CNI_IFNAME: "eth0",
    CNI_PATH: delegatePath,
  };
  // Descriptor 5 is a pipe without a reader.
  const script = `exec 5> >(:); wait $!; ${builtPlugin(plugin)} ${redirection}`;
  return node.exec("bash", ["-c", script], { env, reject: false });
};

const lost = {
  "a full device": "</run/config >/dev/full",
  "a reader that is gone": "</run/config >&5",
  "a closed stream": "</run/config >&-",
};

describe.runIf(canRun("ip", "bash")).each(plugins)("%s", (plugin) => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
    await node.addNetns("c");
    await prepare(node);
    return () => node.dispose();
  });

  test.each(Object.entries(lost))(
    "takes an ADD back whose result %s swallows, and says so on standard error",
    async (_, redirection) => {
      // The bridge itself stays after a DEL, for the next container.
      await redirected(node, plugin, "ADD", "</run/config");
      await redirected(node, plugin, "DEL", "</run/config");
      const before = await stateOf(node);
      const outcome = await redirected(node, plugin, "ADD", redirection);
      expect(outcome.exitCode).toBe(1);
      expect(outcome.stderr).toMatch(/^podwire[^\n]*standard output[^\n]*$/);
      expect(await stateOf(node)).toEqual(before);
      expect((await node.exec("ip", ["-br", "link"], { netns: "c" })).stdout).not.toContain("eth0");
    },
  );

  test("prints an error that cannot go to standard output on standard error, in one line", async () => {
    const outcome = await redirected(node, plugin, "CHECKS", "</run/config >/dev/full");
    expect(outcome.exitCode).toBe(1);
    expect(outcome.stderr).toMatch(/^podwire[^\n]*unknown CNI_COMMAND[^\n]*$/);
  });

  test("takes an ADD back that has neither an output nor a place for errors, and writes into no file of ours", async () => {
    const before = await stateOf(node);
    const outcome = await redirected(node, plugin, "ADD", "</run/config >&- 2>&-");
    expect(outcome).toMatchObject({ exitCode: 1, stdout: "", stderr: "" });
    expect(await stateOf(node)).toEqual(before);
  });

  test("works with standard error closed", async () => {
    const added = await redirected(node, plugin, "ADD", "</run/config 2>&-");
    expect(added).toMatchObject({ exitCode: 0, stderr: "" });
    expect(JSON.parse(added.stdout)).toHaveProperty("cniVersion", "1.0.0");
    expect(await redirected(node, plugin, "DEL", "</run/config >&- 2>&-")).toMatchObject({
      exitCode: 0,
      stdout: "",
    });
  });

  test.each(["<&-", "</dev/null"])("takes %s for a missing configuration", async (redirection) => {
    const { exitCode, stdout } = await redirected(node, plugin, "ADD", redirection);
    expect([exitCode, JSON.parse(stdout).code]).toEqual([1, 6]);
  });

  test("reports an input that cannot be read", async () => {
    const { exitCode, stdout } = await redirected(node, plugin, "ADD", "</run");
    expect([exitCode, JSON.parse(stdout).code]).toEqual([1, 5]);
  });

  test("reads its input to the end, in however many pieces it comes", async () => {
    const pieces =
      "sh -c 'for i in 1 2 3 4 5; do dd bs=20 count=1 status=none; sleep 0.05; done; cat' </run/config";
    const run = (verb: string) => redirected(node, plugin, verb, `< <(${pieces})`);
    expect(await run("ADD")).toMatchObject({ exitCode: 0 });
    expect(await run("DEL")).toMatchObject({ exitCode: 0, stdout: "" });
  });

  test("has the version of the configuration in every error", async () => {
    const config = { ...configurationOf(plugin, "0.3.1"), name: "a/b" };
    const outcome = await run(node, plugin, { command: "ADD", config });
    expectError(outcome, 7);
    expect(outcome.json.cniVersion).toBe("0.3.1");
  });

  test("has the newest version in an error about a version that it does not know", async () => {
    const outcome = await run(node, plugin, { command: "ADD", config: configurationOf(plugin, "7.0.0") });
    expect(outcome.json).toMatchObject({ cniVersion: "1.1.0", code: 1 });
  });
});
