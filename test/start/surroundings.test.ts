/** What surrounds a call and must not affect it: files, variables, the working folder. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPlugin, canRun, createNode, distBin, type Node, type PluginCall } from "../helpers/index.ts";
import { pluginOptions, pluginRun } from "../helpers/plugin.ts";

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "podwire-surroundings-"));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const network = { cniVersion: "1.0.0", name: "around", ipam: { type: "host-local", subnet: "10.9.0.0/24" } };
const bridge = { ...network, type: "bridge", bridge: "cni0", isDefaultGateway: true, ipMasq: true };

/** Calls the plugin from a shell, in whose commands "$@" is the executable. */
const through = async (node: Node, shell: string, call: PluginCall) => {
  const options = pluginOptions(builtPlugin("bridge"), { path: distBin, ...call });
  return pluginRun(await node.exec("sh", ["-ec", shell, "sh", builtPlugin("bridge")], options));
};

/** Attaches, checks and detaches a container, each call made so. */
async function expectService(node: Node, shell: string): Promise<void> {
  const netns = await node.addNetns("c1");
  const call = { containerId: "c1", netns, ifname: "eth0", config: bridge };
  const added = await through(node, shell, { ...call, command: "ADD" });
  expect(added).toMatchObject({ exitCode: 0, stderr: "", json: { ips: [{ address: "10.9.0.2/24" }] } });
  const config = { ...bridge, prevResult: added.json };
  for (const command of ["CHECK", "DEL"] as const)
    expect(await through(node, shell, { ...call, config, command })).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
}

/** Names that mean something to run times, package managers, libraries and loaders. */
const files: Readonly<Record<string, string>> = {
  ".env": "CNI_COMMAND=DEL\nPODWIRE_LOG=/run/other-log\n",
  ".env.production": "CNI_COMMAND=DEL\n",
  "bunfig.toml": 'preload = ["./trap.js"]\n',
  "package.json": '{ "name": ',
  "tsconfig.json": '{ "compilerOptions": { "paths": ',
  "trap.js": "throw 42;\n",
  "podwire.js": "throw 42;\n",
  "resolv.conf": "nameserver",
  "ld.so.preload": "/trap.so\n",
  "libc.so.6": "no library",
};

/** Variables that loaders, C libraries, run times and sanitizers obey. */
const variables = (folder: string): Readonly<Record<string, string>> => ({
  BUN_BE_BUN: "1",
  BUN_OPTIONS: "--print 42",
  BUN_CONFIG_FILE: join(folder, "bunfig.toml"),
  NODE_OPTIONS: `--require=${join(folder, "trap.js")}`,
  NODE_PATH: folder,
  LD_PRELOAD: join(folder, "trap.so"),
  LD_LIBRARY_PATH: folder,
  LD_AUDIT: join(folder, "trap.so"),
  LD_BIND_NOW: "1",
  LD_DEBUG: "all",
  LD_SHOW_AUXV: "1",
  LD_TRACE_LOADED_OBJECTS: "1",
  GLIBC_TUNABLES: "glibc.malloc.check=3",
  MALLOC_TRACE: join(folder, "trace"),
  ASAN_OPTIONS: "help=1",
  LANG: "xx_XX.UTF-8",
  LC_ALL: "xx_XX",
  TZ: join(folder, "no-zone"),
  TMPDIR: "/nonexistent",
  HOME: "",
  ["__proto__"]: "1",
  constructor: "1",
});

/** A library that says so when it is loaded. */
async function makeTrap(folder: string): Promise<void> {
  const source =
    '#include <unistd.h>\n__attribute__((constructor)) static void trap(void) { if (write(1, "trapped", 7)) _exit(42); }\n';
  await execa("gcc", ["-shared", "-fPIC", "-x", "c", "-o", join(folder, "trap.so"), "-"], { input: source });
}

describe.runIf(canRun("ip", "iptables", "ipset", "gcc"))(
  "the executables do their work, whatever there is of",
  () => {
    test("files in the working folder", async () => {
      const folder = join(scratch, "files");
      mkdirSync(folder);
      for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
      await using node = await createNode();
      await expectService(node, `cd ${folder}; exec "$@"`);
    });

    test("variables for loaders and run times", async () => {
      const folder = join(scratch, "variables");
      mkdirSync(folder);
      for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
      await makeTrap(folder);
      const env = { LD_PRELOAD: join(folder, "trap.so") };
      expect(await execa("/bin/true", { env, reject: false })).toMatchObject({
        exitCode: 42,
        stdout: "trapped",
      });
      await using node = await createNode();
      const settings = Object.entries(variables(folder)).map(([name, value]) => `${name}='${value}'`);
      // Set for the executable alone: the shell would obey some.
      await expectService(node, `exec env -S "${settings.join(" ")}" "$@"`);
    });

    test("a working folder that is gone", async () => {
      await using node = await createNode();
      await expectService(node, 'mkdir /run/gone; cd /run/gone; rmdir /run/gone; exec "$@"');
    });
  },
);
