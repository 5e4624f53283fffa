/** Runs each executable before its release, as far as this machine can. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Target } from "./targets.ts";

/** A way to run an executable here: the command before it, and its description. */
interface Runner {
  readonly before: readonly string[];
  readonly words: string;
}

export interface Trial {
  readonly target: Target;
  /** Executable size in bytes. */
  readonly size: number;
  /** The ways it was run. */
  readonly how: string;
  /** The fastest of many VERSION calls in milliseconds; undefined under an emulator. */
  readonly start: number | undefined;
}

const itself: Runner = { before: [], words: "run" };

/** The oldest processors of the kind in qemu-user: newer instructions are illegal there. */
export const oldest: Readonly<Record<Target["processor"], Runner>> = {
  x64: { before: ["qemu-x86_64", "-cpu", "Opteron_G1"], words: "as an Opteron of 2003 by qemu" },
  arm64: { before: ["qemu-aarch64", "-cpu", "cortex-a53"], words: "as a Cortex-A53 by qemu" },
};

const run = (
  executable: string,
  { before }: Runner,
  args: readonly string[],
  variables: object,
  input = "",
) => {
  const [file = "", ...rest] = [...before, executable, ...args];
  const { PATH = "" } = process.env;
  return execa(file, rest, { env: { PATH, ...variables }, extendEnv: false, input });
};

/** A call that enters a new namespace and configures it. qemu-user does not emulate the system calls for this. */
async function proveKernelCalls(bin: string, runner: Runner): Promise<void> {
  const config = JSON.stringify({ cniVersion: "1.0.0", name: "trial", type: "loopback" });
  const rights = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const inside = { ...runner, before: ["unshare", "--net", ...rights, ...runner.before] };
  const names = {
    CNI_CONTAINERID: "trial",
    CNI_IFNAME: "lo",
    CNI_NETNS: "/proc/self/ns/net",
    // The plugin is already in that namespace.
    CNI_NETNS_OVERRIDE: "1",
    CNI_PATH: bin,
  };
  const { stdout } = await run(join(bin, "loopback"), inside, [], { CNI_COMMAND: "ADD", ...names }, config);
  if (!stdout.includes("127.0.0.1/8")) throw new Error(`${bin}/loopback says: ${stdout}`);
}

/** Tests the name, the version, a validation, and one call each of host-local and loopback. */
async function prove(bin: string, runner: Runner, version: string, scratch: string): Promise<void> {
  const { stderr } = await run(join(bin, "bridge"), runner, ["--version"], {});
  if (!stderr.includes(`bridge ${version}`)) throw new Error(`${bin}/bridge says: ${stderr}`);
  const ipam = {
    type: "host-local",
    ranges: [[{ subnet: "10.1.2.0/24" }]],
    dataDir: join(scratch, "addresses"),
  };
  const config = JSON.stringify({ cniVersion: "1.0.0", name: "trial", type: "host-local", ipam });
  const names = { CNI_CONTAINERID: "trial", CNI_IFNAME: "eth0", CNI_NETNS: "/proc/none", CNI_PATH: bin };
  const added = await run(join(bin, "host-local"), runner, [], { CNI_COMMAND: "ADD", ...names }, config);
  if (!added.stdout.includes("10.1.2.2/24")) throw new Error(`${bin}/host-local says: ${added.stdout}`);
  await run(join(bin, "host-local"), runner, [], { CNI_COMMAND: "DEL", ...names }, config);
  const list = JSON.stringify({ cniVersion: "1.0.0", name: "trial", plugins: [{ type: "bridge", ipam }] });
  const checked = await run(join(bin, "podwire"), runner, ["validate", "-"], { CNI_PATH: bin }, list);
  if (checked.stdout !== "-: ok") throw new Error(`${bin}/podwire says: ${checked.stdout}`);
  if (runner === itself) await proveKernelCalls(bin, runner);
}

const rounds = 41;

/** The minimum and not the median: other work on the machine only adds time. */
async function measureStart(executable: string): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    await run(executable, itself, [], { CNI_COMMAND: "VERSION" });
    least = Math.min(least, performance.now() - begin);
  }
  return least;
}

/** Runs the executables of a folder: natively if possible, and on the oldest processor. Throws if one fails. */
export async function tryOut(target: Target, bin: string, version: string): Promise<Trial> {
  const scratch = mkdtempSync(join(tmpdir(), "podwire-release-"));
  try {
    const isOwn = target.processor === process.arch;
    const runners = [...(isOwn ? [itself] : []), oldest[target.processor]];
    for (const [at, runner] of runners.entries()) await prove(bin, runner, version, join(scratch, `${at}`));
    const executable = join(bin, "bridge");
    const how = runners.map(({ words }) => words).join("; ");
    const start = isOwn ? await measureStart(executable) : undefined;
    return { target, size: statSync(executable).size, how, start };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
