import { readFileSync } from "node:fs";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { canRun, createNode, type Node, projectRoot } from "../helpers/index.ts";
import { programs, startContainerd } from "./containerd/containerd.ts";
import { podConfig, runPod } from "./containerd/pods.ts";
import { createMachine, example, patience } from "./machine.ts";

const alive = (pid: string): boolean => {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};

/** The groups of tests that there are, and who is in them, as a node of its own sees them. */
async function groups(node: Node): Promise<string[]> {
  await node.exec("sh", [
    "-c",
    "mkdir -p /run/tree; mountpoint -q /run/tree || mount -t cgroup2 cgroup2 /run/tree",
  ]);
  const { stdout } = await node.exec("find", ["/run/tree", "-path", "*podwire-test-*", "-type", "d"]);
  return stdout.split("\n");
}

const members = async (node: Node, group: string): Promise<string[]> =>
  (await node.exec("sh", ["-c", 'find "$0" -name cgroup.procs -exec cat {} +', group])).stdout.split("\n");

const maker = `
  import { createMachine, example } from "${projectRoot}/test/runtimes/machine.ts";
  import { startContainerd } from "${projectRoot}/test/runtimes/containerd/containerd.ts";
  const machine = await createMachine();
  machine.configure(example("single-node.conflist"));
  const { cri } = await startContainerd(machine);
  const metadata = { name: "one", uid: "one", namespace: "default" };
  await cri.call("RunPodSandbox", { config: { metadata, hostname: "one", logDirectory: "/run/logs", linux: {} } });
  console.log(machine.node.pid);
  setInterval(() => {}, 1000);`;

describe.runIf(canRun(...programs))("a machine", patience, () => {
  test("takes its containers with it, and the control group", async () => {
    await using observer = await createNode();
    const machine = await createMachine();
    machine.configure(example("single-node.conflist"));
    const containerd = await startContainerd(machine);
    await runPod(containerd, podConfig("one"));
    const group = (await groups(observer)).find((path) => path.endsWith(`-${machine.node.pid}`)) ?? "";
    const pids = await members(observer, group);
    // containerd, its shim, and the sandbox.
    expect(pids.filter(alive).length).toBeGreaterThanOrEqual(3);
    await machine[Symbol.asyncDispose]();
    expect(pids.filter(alive)).toEqual([]);
    expect(await groups(observer)).not.toContain(group);
  });

  test("is gone, containers and all, when the process that made it is killed", async () => {
    await using observer = await createNode();
    const args = ["--import", "tsx", "--input-type=module", "-e", maker];
    const making = execa(process.execPath, args, { cwd: projectRoot, reject: false });
    const line = await new Promise<Buffer>((resolve) => making.stdout.once("data", resolve));
    const group = (await groups(observer)).find((path) => path.endsWith(`-${line.toString().trim()}`)) ?? "";
    const pids = await members(observer, group);
    expect(pids.filter(alive).length).toBeGreaterThanOrEqual(3);
    making.kill("SIGKILL");
    await expect.poll(() => pids.filter(alive)).toEqual([]);
    await expect.poll(() => groups(observer)).not.toContain(group);
  });

  test("hides what is written to its folders", async () => {
    await using machine = await createMachine();
    machine.write("/etc/podwire-test", "here");
    expect((await machine.node.exec("cat", ["/etc/podwire-test"])).stdout).toBe("here");
    expect(() => readFileSync("/etc/podwire-test")).toThrow("ENOENT");
  });
});
