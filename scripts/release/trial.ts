/** Every executable is run before it is released, as far as this machine can. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Target } from "./targets.ts";

/** How an executable is run here: what goes before it, and how that is told. */
interface Way {
  readonly before: readonly string[];
  readonly words: string;
}

export interface Trial {
  readonly target: Target;
  /** Bytes of the executable. */
  readonly size: number;
  /** How it was run. */
  readonly how: string;
  /** The least wall time of many calls of VERSION, in milliseconds; only of what runs by itself. */
  readonly start: number | undefined;
}

const itself: Way = { before: [], words: "run" };

/** The oldest processors of the kind, as qemu-user has them: what is newer in an executable is an illegal instruction there. */
export const oldest: Readonly<Record<Target["processor"], Way>> = {
  x64: { before: ["qemu-x86_64", "-cpu", "Opteron_G1"], words: "as an Opteron of 2003 by qemu" },
  arm64: { before: ["qemu-aarch64", "-cpu", "cortex-a53"], words: "as a Cortex-A53 by qemu" },
};

const run = (executable: string, { before }: Way, args: readonly string[], variables: object, input = "") => {
  const [file = "", ...rest] = [...before, executable, ...args];
  const { PATH = "" } = process.env;
  return execa(file, rest, { env: { PATH, ...variables }, extendEnv: false, input });
};

/** A call that enters a namespace and speaks to the kernel there: one of its own. qemu-user knows too little of that. */
async function proveKernelCalls(bin: string, way: Way): Promise<void> {
  const config = JSON.stringify({ cniVersion: "1.0.0", name: "trial", type: "loopback" });
  const rights = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const inside = { ...way, before: ["unshare", "--net", ...rights, ...way.before] };
  const names = {
    CNI_CONTAINERID: "trial",
    CNI_IFNAME: "lo",
    CNI_NETNS: "/proc/self/ns/net",
    // It is the namespace that the plugin is in.
    CNI_NETNS_OVERRIDE: "1",
    CNI_PATH: bin,
  };
  const { stdout } = await run(join(bin, "loopback"), inside, [], { CNI_COMMAND: "ADD", ...names }, config);
  if (!stdout.includes("127.0.0.1/8")) throw new Error(`${bin}/loopback says: ${stdout}`);
}

/** Name, version, what the command says of a configuration, and a call of host-local and one of loopback. */
async function prove(bin: string, way: Way, version: string, scratch: string): Promise<void> {
  const { stderr } = await run(join(bin, "bridge"), way, ["--version"], {});
  if (!stderr.includes(`bridge ${version}`)) throw new Error(`${bin}/bridge says: ${stderr}`);
  const ipam = {
    type: "host-local",
    ranges: [[{ subnet: "10.1.2.0/24" }]],
    dataDir: join(scratch, "addresses"),
  };
  const config = JSON.stringify({ cniVersion: "1.0.0", name: "trial", type: "host-local", ipam });
  const names = { CNI_CONTAINERID: "trial", CNI_IFNAME: "eth0", CNI_NETNS: "/proc/none", CNI_PATH: bin };
  const added = await run(join(bin, "host-local"), way, [], { CNI_COMMAND: "ADD", ...names }, config);
  if (!added.stdout.includes("10.1.2.2/24")) throw new Error(`${bin}/host-local says: ${added.stdout}`);
  await run(join(bin, "host-local"), way, [], { CNI_COMMAND: "DEL", ...names }, config);
  const list = JSON.stringify({ cniVersion: "1.0.0", name: "trial", plugins: [{ type: "bridge", ipam }] });
  const checked = await run(join(bin, "podwire"), way, ["validate", "-"], { CNI_PATH: bin }, list);
  if (checked.stdout !== "-: ok") throw new Error(`${bin}/podwire says: ${checked.stdout}`);
  if (way === itself) await proveKernelCalls(bin, way);
}

const rounds = 41;

/** The least, not the median: other work on the machine only ever adds. */
async function measureStart(executable: string): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    await run(executable, itself, [], { CNI_COMMAND: "VERSION" });
    least = Math.min(least, performance.now() - begin);
  }
  return least;
}

/** Runs the executables of a folder, as they are where that is possible, and on the oldest processor. Throws if they do not work. */
export async function tryOut(target: Target, bin: string, version: string): Promise<Trial> {
  const scratch = mkdtempSync(join(tmpdir(), "podwire-release-"));
  try {
    const isOwn = target.processor === process.arch;
    const ways = [...(isOwn ? [itself] : []), oldest[target.processor]];
    for (const [at, way] of ways.entries()) await prove(bin, way, version, join(scratch, `${at}`));
    const executable = join(bin, "bridge");
    const how = ways.map(({ words }) => words).join("; ");
    const start = isOwn ? await measureStart(executable) : undefined;
    return { target, size: statSync(executable).size, how, start };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
