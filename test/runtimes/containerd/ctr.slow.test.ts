import { describe, expect, test } from "vitest";
import { canRun, type RunningCommand } from "../../helpers/index.ts";
import { image, serve, urlOf } from "../image.ts";
import { createMachine, example, type Machine, patience } from "../machine.ts";
import { programs, startContainerd } from "./containerd.ts";

const task = (machine: Machine, verb: string, ...args: string[]) =>
  machine.node.exec("ctr", ["-n", "k8s.io", "tasks", verb, ...args], { reject: false });

/** Runs a container as `ctr run --cni` does it: attached when it runs, detached, without a namespace, when it ends. */
function run(machine: Machine, name: string, command: readonly string[]): RunningCommand {
  // There may be no control group controllers for a test: no share of the CPU is asked for.
  const options = ["--rm", "--cni", "--cpu-shares", "0"];
  return machine.start("ctr", ["-n", "k8s.io", "run", ...options, image, name, ...command]);
}

async function exec(machine: Machine, name: string, ...command: string[]): Promise<string> {
  const { stdout } = await task(machine, "exec", "--exec-id", `exec-${performance.now()}`, name, ...command);
  return stdout;
}

async function addresses(machine: Machine, name: string): Promise<string[]> {
  const text = await exec(machine, name, "ip", "address", "show", "dev", "eth0", "scope", "global");
  return [...text.matchAll(/inet6? ([0-9a-f.:]+)\//g)].map(([, address = ""]) => address);
}

describe.runIf(canRun(...programs))("ctr run --cni", patience, () => {
  test.each(["bridge-portmap", "ptp-portmap"])(
    "attaches containers by %s, and leaves nothing",
    async (name) => {
      await using machine = await createMachine();
      machine.configure(example(`${name}.conflist`));
      await using _ = await startContainerd(machine);
      expect((await run(machine, "warm-up", ["sleep", "0"]).ended).exitCode).toBe(0);
      const before = await machine.state();

      const running = [run(machine, "one", ["sleep", "infinity"]), run(machine, "two", serve("two"))];
      for (const each of ["one", "two"]) await expect.poll(() => addresses(machine, each)).toHaveLength(2);
      for (const address of await addresses(machine, "two")) {
        const fetch = () => exec(machine, "one", "wget", "-q", "-O", "-", urlOf(address));
        await expect.poll(fetch).toBe("two");
      }

      for (const each of ["one", "two"]) await task(machine, "kill", "--signal", "SIGKILL", each);
      for (const each of running) expect((await each.ended).stderr).not.toMatch(/cni|network/i);
      expect(await machine.state()).toEqual(before);
    },
  );

  // Of a detached container ctr calls no DEL; its namespace, known by the path of a process, goes with that.
  test("has addresses for detached containers again and again", async () => {
    await using machine = await createMachine();
    const ipam = { type: "host-local", ranges: [[{ subnet: "10.31.0.0/29" }]] };
    machine.configure({
      cniVersion: "1.0.0",
      name: "net",
      plugins: [{ type: "bridge", isDefaultGateway: true, ipMasq: true, ipam }],
    });
    await using _ = await startContainerd(machine);
    const ctr = (...args: string[]) => machine.run("ctr", ["-n", "k8s.io", ...args]);
    const seen: string[] = [];
    for (let round = 0; round < 12; round++) {
      const name = `detached-${round}`;
      await ctr("run", "-d", "--cni", "--cpu-shares", "0", image, name, "sleep", "infinity");
      seen.push(...(await addresses(machine, name)));
      await task(machine, "rm", "--force", name);
      await ctr("containers", "rm", name);
    }
    expect(seen).toHaveLength(12);
  });
});
