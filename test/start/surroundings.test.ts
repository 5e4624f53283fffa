/** What surrounds a call and is none of its business: files, variables, the working folder, the root, /proc. */
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

/** How a call is made: a shell's commands, in which "$@" is the executable. */
const through = async (node: Node, shell: string, plugin: string, call: PluginCall) => {
  const options = pluginOptions(builtPlugin(plugin), { path: distBin, ...call });
  return pluginRun(await node.exec("sh", ["-ec", shell, "sh", builtPlugin(plugin)], options));
};

/** Attaches, checks and detaches a container, each call made so. */
async function expectService(node: Node, shell: string): Promise<void> {
  const netns = await node.addNetns("c1");
  const call = { containerId: "c1", netns, ifname: "eth0", config: bridge };
  const added = await through(node, shell, "bridge", { ...call, command: "ADD" });
  expect(added).toMatchObject({ exitCode: 0, stderr: "", json: { ips: [{ address: "10.9.0.2/24" }] } });
  const config = { ...bridge, prevResult: added.json };
  for (const command of ["CHECK", "DEL"] as const)
    expect(await through(node, shell, "bridge", { ...call, config, command })).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
}

/** Names that mean something to run times, package managers, libraries and loaders. */
const strays: Readonly<Record<string, string>> = {
  ".env": "CNI_COMMAND=DEL\nPODWIRE_LOG=/run/stray-log\n",
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
      const folder = join(scratch, "strays");
      mkdirSync(folder);
      for (const [name, content] of Object.entries(strays)) writeFileSync(join(folder, name), content);
      await using node = await createNode();
      await expectService(node, `cd ${folder}; exec "$@"`);
    });

    test("variables for loaders and run times", async () => {
      const folder = join(scratch, "variables");
      mkdirSync(folder);
      for (const [name, content] of Object.entries(strays)) writeFileSync(join(folder, name), content);
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

    test("a working folder that cannot be read", async () => {
      await using node = await createNode();
      await expectService(node, 'mkdir -m 0 -p /run/closed; cd /run/closed; exec "$@"');
    });

    test("places to write to: a root, and folders for temporary files, that are read-only", async () => {
      await using node = await createNode();
      const places = ["/tmp", "/var/tmp", "/dev/shm"].map(
        (place) => `mount --bind ${place} ${place}; mount -o remount,bind,ro ${place}`,
      );
      await node.exec("sh", ["-ec", [...places, "mount -o remount,bind,ro /"].join("\n")]);
      for (const place of ["/tmp", "/root"])
        await expect(node.exec("touch", [`${place}/x`])).rejects.toThrow("Read-only");
      await expectService(node, 'exec "$@"');
    });
  },
);

const noProc = 'umount -l /proc; exec "$@"';

/** In a mount namespace of its own, so that the node keeps what is taken away. */
const apart = (commands: string) => `unshare --mount --propagation private sh -ec '${commands}' sh "$@"`;

describe.runIf(canRun("ip"))("without /proc", () => {
  test("every executable says what it is, and its versions", async () => {
    await using node = await createNode();
    for (const plugin of ["bridge", "host-local", "loopback", "portmap", "ptp", "vxlan"]) {
      const call = { command: "VERSION", config: { cniVersion: "1.0.0" } } as const;
      expect(await through(node, apart(noProc), plugin, call)).toMatchObject({
        exitCode: 0,
        json: { cniVersion: "1.0.0" },
      });
    }
  });

  test("host-local hands out an address and takes it back", async () => {
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const call = { containerId: "c1", netns, ifname: "eth0", config: { ...network, type: "host-local" } };
    const added = await through(node, apart(noProc), "host-local", { ...call, command: "ADD" });
    expect(added).toMatchObject({ exitCode: 0, json: { ips: [{ address: "10.9.0.2/24" }] } });
    expect(await through(node, apart(noProc), "host-local", { ...call, command: "DEL" })).toMatchObject({
      exitCode: 0,
      stdout: "",
    });
    expect((await node.exec("ls", ["/var/lib/cni/networks/around"])).stdout).not.toContain("10.9.0.2");
  });

  test("bridge says what is missing", async () => {
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const call = { containerId: "c1", netns, ifname: "eth0", config: bridge, command: "ADD" } as const;
    const { exitCode, json } = await through(node, apart(noProc), "bridge", call);
    expect({ exitCode, json }).toMatchObject({
      exitCode: 1,
      json: { code: 5, msg: expect.stringContaining("/proc/") },
    });
  });
});

describe.runIf(canRun("ip"))("in a root folder that holds the executable alone", () => {
  const prepare = 'mkdir -p /run/root; cp "$1" /run/root/; exec chroot /run/root "/$(basename "$1")"';

  test("every executable says its versions", async () => {
    await using node = await createNode();
    for (const plugin of ["bridge", "host-local", "loopback", "portmap", "ptp", "vxlan"]) {
      const run = await through(node, prepare, plugin, {
        command: "VERSION",
        config: { cniVersion: "0.4.0" },
      });
      expect(run).toMatchObject({ exitCode: 0, stderr: "", json: { cniVersion: "0.4.0" } });
    }
  });

  test("a call says what it does not find", async () => {
    await using node = await createNode();
    const call = {
      containerId: "c1",
      netns: "/run/netns/c1",
      ifname: "eth0",
      config: bridge,
      command: "ADD",
    } as const;
    const { exitCode, json } = await through(node, prepare, "bridge", call);
    expect({ exitCode, json }).toMatchObject({ exitCode: 1, json: { msg: expect.stringMatching(/./) } });
  });
});

test.runIf(canRun("strace"))(
  "VERSION opens no file and asks the kernel for nothing but its streams",
  async () => {
    const trace = join(scratch, "trace");
    const env = { CNI_COMMAND: "VERSION" };
    await execa("strace", ["-f", "-o", trace, builtPlugin("bridge")], { env, extendEnv: false, input: "" });
    const { stdout } = await execa("sed", ["-nE", "s/^[0-9]+ +([a-z0-9_]+)\\(.*/\\1/p", trace]);
    const start = ["execve", "arch_prctl", "set_tid_address", "prlimit64", "rt_sigaction", "madvise"];
    const work = ["fcntl", "read", "write", "exit_group"];
    const calls = stdout.split("\n");
    expect(calls).toEqual(expect.arrayContaining(work));
    expect(calls.filter((name) => ![...start, ...work].includes(name))).toEqual([]);
  },
);
