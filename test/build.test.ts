import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findPluginFolders } from "../scripts/plugins.ts";
import {
  builtPlugin,
  canRun,
  createNode,
  distBin,
  evaluator,
  type Node,
  type PluginCall,
  projectRoot,
  writeModule,
} from "./helpers/index.ts";

const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as {
  version: string;
};
const protocolVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

const pluginFolders = findPluginFolders().map(({ name }) => name);

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "podwire-build-"));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A new folder below the scratch folder. */
function folder(name: string): string {
  const path = join(scratch, name);
  mkdirSync(path);
  return path;
}

/** Runs an executable with nothing but the given environment. */
const run = (file: string, env: Record<string, string> = {}, args: string[] = []) =>
  execa(file, args, { env, extendEnv: false, cwd: "/", reject: false, input: "" });

const about = (name: string): RegExp => new RegExp(`\\b${name} ${version.replaceAll(".", "\\.")}\\b`);

describe("the executables", () => {
  test("are hard links of one file, one for each plugin and one for the command", () => {
    expect(pluginFolders).toEqual(expect.arrayContaining(["bridge", "loopback", "host-local"]));
    const names = [...pluginFolders, "podwire"];
    expect(readdirSync(distBin).sort()).toEqual([...names].sort());
    const files = names.map((name) => statSync(builtPlugin(name)));
    expect(new Set(files.map(({ ino }) => ino)).size).toBe(1);
    expect(files[0]?.nlink).toBe(names.length);
    expect((files[0]?.mode ?? 0) & 0o777).toBe(0o755);
    expect(files[0]?.size).toBeLessThanOrEqual(8_000_000);
  });

  test.each(pluginFolders)("%s says what it is on standard error", async (name) => {
    for (const args of [["--version"], []]) {
      const { exitCode, stdout, stderr } = await run(builtPlugin(name), {}, args);
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
      expect(stderr).toMatch(about(name));
      for (const protocol of protocolVersions) expect(stderr).toContain(protocol);
    }
  });

  test("work under their own name when copied, linked, or renamed back", async () => {
    const place = folder("names");
    copyFileSync(builtPlugin("bridge"), join(place, "loopback"));
    symlinkSync(builtPlugin("bridge"), join(place, "bridge"));
    copyFileSync(builtPlugin("loopback"), join(place, "elsewhere"));
    renameSync(join(place, "elsewhere"), join(place, "host-local"));
    for (const name of ["loopback", "bridge", "host-local"]) {
      expect((await run(join(place, name))).stderr).toMatch(about(name));
    }
  });

  test("follow a link of another name to the plugin that it leads to", async () => {
    const link = join(folder("links"), "office-network");
    symlinkSync(builtPlugin("bridge"), link);
    expect((await run(link)).stderr).toMatch(about("bridge"));
  });

  test("go by their file where the caller gives them another name, or none", async () => {
    const bridge = builtPlugin("bridge");
    for (const name of ["office-network", "/opt/cni/bin/other", "", "toString"]) {
      const { stderr } = await execa("bash", ["-c", 'exec -a "$1" "$2" --version', "bash", name, bridge]);
      expect(stderr).toMatch(about("bridge"));
    }
    const start = `native.wait4(native.spawn(${JSON.stringify(bridge)}, [], [], 0, 1, 2), new Uint8Array(4), 0, null);`;
    await using script = await writeModule(start);
    expect((await execa(evaluator, script.words)).stderr).toMatch(about("bridge"));
  });

  test("refuse an unknown name, and list the known ones", async () => {
    const stranger = join(folder("stranger"), "no-such-plugin");
    copyFileSync(builtPlugin("bridge"), stranger);
    // A runtime reads standard output, a person standard error.
    const called = await run(stranger, { CNI_COMMAND: "VERSION" });
    expect(called).toMatchObject({ exitCode: 1, stderr: "" });
    const { code, msg, details } = JSON.parse(called.stdout);
    expect(code).toBe(7);
    const typed = await run(stranger);
    expect(typed).toMatchObject({ exitCode: 2, stdout: "" });
    for (const text of [`${msg} ${details}`, typed.stderr])
      for (const name of ["no-such-plugin", ...pluginFolders]) expect(text).toContain(name);
  });
});

/** What run times of JavaScript, and loaders of programs, take from the environment. */
const temptations = {
  NODE_OPTIONS: "--require ./trap.js",
  BUN_OPTIONS: "--preload ./trap.js",
  BUN_BE_BUN: "1",
  LD_PRELOAD: "./trap.so",
  LD_LIBRARY_PATH: ".",
  TZ: "Nowhere/Trap",
};

describe.runIf(canRun("strace"))("the start of an executable", () => {
  /** The system calls that name a file, but for the one that starts it. */
  async function namedFiles(env: Record<string, string>, args: string[]): Promise<string[]> {
    const log = join(folder(`trace-${Math.random()}`), "log");
    const words = ["-f", "-e", "trace=%file", "-o", log, builtPlugin("bridge"), ...args];
    expect((await run("strace", { PATH: process.env["PATH"] ?? "", ...env }, words)).exitCode).toBe(0);
    const calls = readFileSync(log, "utf8").split("\n");
    expect(calls[0]).toMatch(/^\d+ +execve\(/);
    return calls.slice(1).filter((line) => /^\d+ +\w+\(/.test(line));
  }

  test("looks at no file, whatever the environment says", async () => {
    for (const env of [{}, temptations]) {
      expect(await namedFiles(env, ["--version"])).toEqual([]);
      expect(await namedFiles({ ...env, CNI_COMMAND: "VERSION" }, [])).toEqual([]);
    }
  });
});

const config = {
  cniVersion: "1.0.0",
  name: "built",
  type: "bridge",
  bridge: "cni0",
  isDefaultGateway: true,
  ipMasq: true,
  ipam: { type: "host-local", ranges: [[{ subnet: "10.9.0.0/24" }]] },
};

const sumOf = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** Attaches and detaches a container with the executables of a folder on the node, which stay as they are. */
async function expectService(node: Node, bin: string, env?: PluginCall["env"]): Promise<void> {
  const sum = sumOf(node.path(join(bin, "bridge")));
  const netns = await node.addNetns("c1");
  const call = { containerId: "c1", netns, ifname: "eth0", config, ...(env === undefined ? {} : { env }) };
  const added = await node.plugin(join(bin, "bridge"), { command: "ADD", ...call });
  expect(added).toMatchObject({ exitCode: 0, json: { ips: [{ address: "10.9.0.2/24" }] } });
  const { stdout: address } = await node.exec("ip", ["address", "show", "eth0"], { netns: "c1" });
  expect(address).toContain("10.9.0.2/24");
  expect(await node.plugin(join(bin, "bridge"), { command: "DEL", ...call })).toMatchObject({ exitCode: 0 });
  expect((await node.exec("ip", ["-br", "link"], { netns: "c1" })).stdout).not.toContain("eth0");
  expect(sumOf(node.path(join(bin, "bridge")))).toBe(sum);
}

describe.runIf(canRun("ip", "iptables", "ipset"))("the executables attach a container", () => {
  test("with nothing in their environment but CNI variables", async () => {
    await using node = await createNode();
    await expectService(node, distBin, {});
  });

  test("with folders for temporary files that cannot be written to", async () => {
    await using node = await createNode();
    for (const place of ["/tmp", "/var/tmp", "/dev/shm"]) {
      await node.exec("mount", ["--bind", place, place]);
      await node.exec("mount", ["-o", "remount,bind,ro", place]);
    }
    await expect(node.exec("touch", ["/tmp/x"])).rejects.toThrow("Read-only");
    await expectService(node, distBin);
  });

  test("from a read-only file system, on a read-only root", async () => {
    await using node = await createNode();
    await node.exec("mkdir", ["/run/medium"]);
    await node.exec("mount", ["-t", "tmpfs", "tmpfs", "/run/medium"]);
    await node.exec("cp", ["-a", `${distBin}/.`, "/run/medium"]);
    await node.exec("mount", ["-o", "remount,ro", "/run/medium"]);
    await node.exec("mount", ["-o", "remount,bind,ro", "/"]);
    await expect(node.exec("touch", ["/run/medium/x"])).rejects.toThrow("Read-only");
    await expect(node.exec("touch", ["/root/x"])).rejects.toThrow("Read-only");
    await expectService(node, "/run/medium");
  });
});
