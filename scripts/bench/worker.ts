/**
 * Runs inside a node, under Bun: calls the plugins of a network as a runtime does and says how long the calls
 * took, so that no other process stands in the measured time. One request a line on standard input, one answer a
 * line on standard output.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Attachment, pluginConfig, type Result } from "../../test/helpers/runtime.ts";
import type { Answer, Cost, Verb, WorkerRequest, WorkerSetup } from "./protocol.ts";

interface Usage {
  readonly cpuTime: { readonly total: number | bigint };
}

declare const Bun: {
  nanoseconds(): number;
  file(path: string): object;
  spawnSync(options: object): { readonly exitCode: number; readonly resourceUsage: Usage };
  spawn(options: object): { readonly exited: Promise<number> };
};

/** One call of one plugin. */
interface Call {
  readonly verb: Verb;
  readonly attachment: Attachment;
  readonly type: string;
  /** Standard input, output and error: in memory, so that the caller's pipes cost nothing while the plugin runs. */
  readonly files: readonly [input: string, output: string, error: string];
}

const { folder, network } = JSON.parse(process.argv[2] ?? "") as WorkerSetup;
const scratch = "/run/bench";
mkdirSync(scratch, { recursive: true });

/** What ADD said, by container: libcni keeps it and hands it to DEL. */
const results = new Map<string, Result>();

/** The plugins' places in the network, in the order of the verb's calls. */
function orderOf(verb: Verb): number[] {
  const order = [...network.plugins.keys()];
  return verb === "ADD" ? order : order.reverse();
}

function prepare(verb: Verb, index: number, attachment: Attachment): Call {
  const type = network.plugins[index]?.type ?? "";
  const base = join(scratch, `${attachment.containerId}-${type}`);
  const input = pluginConfig(network, index, attachment, results.get(attachment.containerId));
  writeFileSync(`${base}.in`, JSON.stringify(input));
  return { verb, attachment, type, files: [`${base}.in`, `${base}.out`, `${base}.err`] };
}

function options({ verb, attachment, type, files: [input, output, error] }: Call): object {
  const env = {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    CNI_COMMAND: verb,
    CNI_CONTAINERID: attachment.containerId,
    CNI_NETNS: attachment.netns,
    CNI_IFNAME: attachment.ifname,
    CNI_PATH: folder,
  };
  const stdio = { stdin: Bun.file(input), stdout: Bun.file(output), stderr: Bun.file(error) };
  return { cmd: [join(folder, type)], env, ...stdio };
}

/** Keeps what the plugin said for the next one. Throws if the call failed. */
function finish({ verb, attachment, type, files }: Call, exitCode: number): void {
  const [, said, complained] = files.map((file) => readFileSync(file, "utf8"));
  for (const file of files) rmSync(file);
  if (exitCode !== 0)
    throw new Error(`${join(folder, type)} ${verb}: exit code ${exitCode}: ${said}${complained}`);
  if (verb === "ADD") results.set(attachment.containerId, JSON.parse(said ?? "") as Result);
}

function measure(verb: Verb, attachment: Attachment): Cost {
  let [wall, cpu] = [0, 0];
  for (const index of orderOf(verb)) {
    const call = prepare(verb, index, attachment);
    const how = options(call);
    const begin = Bun.nanoseconds();
    const { exitCode, resourceUsage } = Bun.spawnSync(how);
    wall += (Bun.nanoseconds() - begin) / 1e6;
    // What the plugin's own children used is in it: the kernel adds up what was waited for.
    cpu += Number(resourceUsage.cpuTime.total) / 1e3;
    finish(call, exitCode);
  }
  return { wall, cpu };
}

/** Attaches containers that nobody measures, a few at a time. */
async function attach(attachments: readonly Attachment[], width: number): Promise<Cost> {
  const rest = attachments.values();
  const lane = async (): Promise<void> => {
    for (const attachment of rest) {
      for (const index of orderOf("ADD")) {
        const call = prepare("ADD", index, attachment);
        finish(call, await Bun.spawn(options(call)).exited);
      }
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return { wall: 0, cpu: 0 };
}

async function answer(request: WorkerRequest): Promise<Answer> {
  try {
    if (request.kind === "attach") return await attach(request.attachments, request.width);
    return measure(request.verb, request.attachment);
  } catch (error) {
    return { wall: 0, cpu: 0, failure: error instanceof Error ? error.message : String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line) as WorkerRequest))}\n`);
}
