/** Every executable is run before it is released, as far as this machine can. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { makeCxxLibrary } from "./musl.ts";
import type { Target } from "./targets.ts";

/** How an executable of a target is run here: what goes before it, and the environment it needs. */
interface Way {
  readonly before: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly words: string;
}

export interface Trial {
  readonly target: Target;
  /** Bytes of the executable. */
  readonly size: number;
  /** How it was run; undefined if it could not be. */
  readonly how: string | undefined;
  /** The least wall time of many calls of VERSION, in milliseconds; only of what runs by itself. */
  readonly start: number | undefined;
}

async function wayOf(target: Target, executable: string, scratch: string): Promise<Way | undefined> {
  if (process.arch !== "x64") return undefined;
  if (target.name === "linux-x64") return { before: [], env: {}, words: "run" };
  if (target.name === "linux-x64-musl") {
    const library = await makeCxxLibrary(executable, scratch);
    return { before: [], env: { LD_LIBRARY_PATH: library }, words: "run, by Debian's musl" };
  }
  if (target.name === "linux-arm64")
    return { before: ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"], env: {}, words: "run, by qemu-user" };
  return undefined;
}

const run = (
  executable: string,
  { before, env }: Way,
  args: readonly string[],
  variables: object,
  input = "",
) => {
  const [file = "", ...rest] = [...before, executable, ...args];
  const { PATH = "" } = process.env;
  return execa(file, rest, { env: { PATH, ...env, ...variables }, extendEnv: false, input });
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
  if (way.before.length === 0) await proveKernelCalls(bin, way);
}

const rounds = 41;

/** The least, not the median: other work on the machine only ever adds. */
async function measureStart(executable: string, way: Way): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    await run(executable, way, [], { CNI_COMMAND: "VERSION" });
    least = Math.min(least, performance.now() - begin);
  }
  return least;
}

/** Runs the executables of a folder, if this machine can. Throws if they do not work. */
export async function tryOut(target: Target, bin: string, version: string): Promise<Trial> {
  const scratch = mkdtempSync(join(tmpdir(), "podwire-release-"));
  try {
    const executable = join(bin, "bridge");
    const { size } = statSync(executable);
    const way = await wayOf(target, executable, join(scratch, "lib"));
    if (way === undefined) return { target, size, how: undefined, start: undefined };
    await prove(bin, way, version, scratch);
    const start = way.before.length === 0 ? await measureStart(executable, way) : undefined;
    return { target, size, how: way.words, start };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
