import { copyFileSync, linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { builtPlugin, canRun, createNode, distBin, type Node } from "../helpers/index.ts";

const ipam = { type: "host-local", subnet: "10.9.0.0/24", dataDir: "/addresses" };
const hostLocal = { cniVersion: "1.0.0", name: "anywhere", type: "host-local", ipam };
const bridge = { ...hostLocal, type: "bridge", bridge: "any0", isGateway: true, ipMasq: false };
const prevResult = { cniVersion: "1.0.0", ips: [{ address: "10.9.0.2/24" }] };

describe.runIf(canRun("ip", "chroot", "busybox", "musl-gcc"))("the executables run", () => {
  let node: Node;
  let root: string;
  beforeEach(async () => {
    node = await createNode();
    root = "/run/root";
    await node.exec("mkdir", ["-p", root]);
    await node.exec("mount", ["-t", "tmpfs", "tmpfs", root]);
    // Nothing else is there, not even /proc.
    const bin = join(node.path(root), "bin");
    mkdirSync(bin);
    copyFileSync(builtPlugin("podwire"), join(bin, "podwire"));
    for (const name of readdirSync(distBin))
      if (name !== "podwire") linkSync(join(bin, "podwire"), join(bin, name));
  });
  afterEach(() => node.dispose());

  /** Runs a program of the root in it, with this environment and no other. */
  const run = (words: readonly string[], env: Record<string, string> = {}, input = "") =>
    node.exec("chroot", [root, ...words], {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env },
      input,
      reject: false,
    });

  const call = (plugin: string, command: string, config: object, netns = "/proc/none") => {
    const env = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: "c1",
      CNI_IFNAME: "eth0",
      CNI_NETNS: netns,
      CNI_PATH: "/bin",
    };
    return run([`/bin/${plugin}`], env, JSON.stringify(config));
  };

  /** What needs nothing of the system: versions, the check of configurations, and addresses. */
  async function expectWork(): Promise<void> {
    const { stdout } = await run(["/bin/ptp"], { CNI_COMMAND: "VERSION" });
    expect(JSON.parse(stdout).supportedVersions).toContain("1.1.0");
    expect(await run(["/bin/podwire", "--version"])).toMatchObject({ exitCode: 0 });
    const list = JSON.stringify({
      cniVersion: "1.0.0",
      name: "anywhere",
      plugins: [{ type: "bridge", ipam }],
    });
    const validated = await run(["/bin/podwire", "validate", "-"], { CNI_PATH: "/bin" }, list);
    expect(validated).toMatchObject({ exitCode: 0, stdout: "-: ok" });
    const added = await call("host-local", "ADD", hostLocal);
    expect(JSON.parse(added.stdout).ips).toEqual([{ address: "10.9.0.2/24", gateway: "10.9.0.1" }]);
    for (const command of ["CHECK", "DEL"])
      expect(await call("host-local", command, { ...hostLocal, prevResult })).toMatchObject({
        exitCode: 0,
        stdout: "",
      });
    expect(readdirSync(join(node.path(root), "addresses/anywhere"))).not.toContain("10.9.0.2");
  }

  test("in a root that holds nothing but them", () => expectWork());

  test("and attach containers there, once /proc is mounted", async () => {
    const netns = await node.addNetns("c1");
    writeFileSync(join(node.path(root), "c1"), "");
    await node.exec("mount", ["--bind", netns, join(root, "c1")]);
    const failed = await call("bridge", "ADD", bridge, "/c1");
    expect(JSON.parse(failed.stdout).msg).toContain("/proc/");
    await node.exec("mkdir", [join(root, "proc")]);
    await node.exec("mount", ["-t", "proc", "proc", join(root, "proc")]);
    const added = await call("bridge", "ADD", bridge, "/c1");
    expect(added, added.stdout).toMatchObject({ exitCode: 0, stderr: "" });
    const show = () => node.exec("ip", ["-br", "address"], { netns: "c1" });
    expect((await show()).stdout).toContain("10.9.0.2/24");
    expect(await call("bridge", "DEL", bridge, "/c1")).toMatchObject({ exitCode: 0, stdout: "" });
    expect((await show()).stdout).not.toContain("eth0");
  });

  test("and say so where they need /proc", async () => {
    await node.exec("mkdir", ["-p", join(root, "opt/cni/bin")]);
    const { exitCode, stderr } = await run(["/bin/podwire", "install"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/cannot look at \/opt\/cni\/bin .*\/proc\//);
  });

  test("on a root that is read-only, addresses aside", async () => {
    await node.exec("mkdir", [join(root, "addresses")]);
    await node.exec("mount", ["-t", "tmpfs", "tmpfs", join(root, "addresses")]);
    await node.exec("mount", ["-o", "remount,bind,ro", root]);
    await expect(node.exec("touch", [join(root, "x")])).rejects.toThrow("Read-only");
    await expectWork();
  });

  /** As on Alpine: a shell of busybox, and musl in the place of glibc. */
  async function makeMuslRoot(): Promise<void> {
    const { stdout: busybox } = await execa("which", ["busybox"]);
    copyFileSync(busybox, join(node.path(root), "bin/busybox"));
    symlinkSync("busybox", join(node.path(root), "bin/sh"));
    const source = join(node.path("/run"), "dynamic.c");
    writeFileSync(source, "int main(void) { return 42; }\n");
    await execa("musl-gcc", ["-o", join(node.path(root), "bin/dynamic"), source]);
    const { stdout } = await execa("readelf", ["--program-headers", join(node.path(root), "bin/dynamic")]);
    const [loader = ""] = /\/lib\/ld-musl-\w+\.so\.1/.exec(stdout) ?? [];
    mkdirSync(join(node.path(root), "lib"));
    copyFileSync(loader, join(node.path(root), loader));
  }

  test("where musl is the C library, from a shell", async () => {
    await makeMuslRoot();
    // It is musl's root: what is linked with it runs there, and nothing of glibc is there.
    expect((await run(["/bin/dynamic"])).exitCode).toBe(42);
    const { exitCode, stderr } = await run([
      "sh",
      "-c",
      "bridge --version && podwire --version && exec vxlan",
    ]);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/podwire vxlan \d/);
    await expectWork();
  });
});
