/**
 * Runs inside a node, in the engine: calls the plugins of a network as a runtime does and reports their cost, so that
 * no other process is in the measured time. One request per line on standard input, one answer per line on standard
 * output.
 */
import { makeDirectory } from "../../shared/system/directory.ts";
import { readText, removeFile, writeFile } from "../../shared/system/file.ts";
import { writeStandardOutput } from "../../shared/system/stdio.ts";
import { type Attachment, pluginConfig, type Result } from "../../test/helpers/plugin-config.ts";
import { environmentOf } from "./environment.ts";
import { linesOfInput } from "./lines.ts";
import { measure, type Program, start, wait } from "./process.ts";
import type { Answer, Cost, Verb, WorkerRequest, WorkerSetup } from "./protocol.ts";

/** An attachment and ADD's results so far: a runtime passes them to the next plugin and to DEL. */
interface AttachmentState {
  readonly attachment: Attachment;
  result?: Result;
}

/** One call of one plugin. */
interface Call {
  readonly verb: Verb;
  readonly held: AttachmentState;
  readonly program: Program;
}

/** The runtime that this worker plays: its executables, its network, its attachments and measurements. */
interface Runtime extends WorkerSetup {
  readonly attached: Map<string, AttachmentState>;
}

/** The indices of the network's plugins, in the order of the verb's calls. */
function orderOf(verb: Verb, { network }: Runtime): number[] {
  const order = [...network.plugins.keys()];
  return verb === "DEL" ? order.reverse() : order;
}

/** The attachments that GC keeps (specification, "GC"). */
const validAttachments = ({ attached }: Runtime) => ({
  "cni.dev/valid-attachments": [...attached.values()].map(({ attachment }) => ({
    containerID: attachment.containerId,
    ifname: attachment.ifname,
  })),
});

function prepare(runtime: Runtime, verb: Verb, index: number, held: AttachmentState): Call {
  const { folder, network, scratch } = runtime;
  const type = network.plugins[index]?.type ?? "";
  const base = `${scratch}/${held.attachment.containerId}-${type}`;
  const config = pluginConfig(network, index, held.attachment, held.result);
  const input = verb === "GC" ? { ...config, ...validAttachments(runtime) } : config;
  writeFile(`${base}.in`, JSON.stringify(input), 0o600);
  const environment = environmentOf(verb, held.attachment, folder);
  const files = [`${base}.in`, `${base}.out`, `${base}.err`] as const;
  return { verb, held, program: { path: `${folder}/${type}`, environment, files } };
}

/** Keeps the plugin's output for the next one. Throws if the call failed. */
function finish({ verb, held, program: { path, files } }: Call, status: number): void {
  const [, said, complained] = files.map(readText);
  for (const file of files) removeFile(file);
  if (status !== 0) throw new Error(`${path} ${verb}: wait status ${status}: ${said}${complained}`);
  if (verb === "ADD") held.result = JSON.parse(said ?? "") as Result;
}

function measureCalls(runtime: Runtime, verb: Verb, attachment: Attachment): Cost[] {
  const { attached } = runtime;
  const held = attached.get(attachment.containerId) ?? { attachment };
  const costs = orderOf(verb, runtime).map((index) => {
    const call = prepare(runtime, verb, index, held);
    const { cost, status } = measure(call.program);
    finish(call, status);
    return cost;
  });
  if (verb === "ADD") attached.set(attachment.containerId, held);
  if (verb === "DEL") attached.delete(attachment.containerId);
  return costs;
}

/** Attaches one container after the other. Resumed when the last call that it yielded has ended. */
function* attachEach(runtime: Runtime, attachments: Iterator<Attachment>): Generator<Call> {
  for (let next = attachments.next(); next.done !== true; next = attachments.next()) {
    const held = { attachment: next.value };
    for (const index of orderOf("ADD", runtime)) yield prepare(runtime, "ADD", index, held);
  }
}

/** Attaches containers without measuring, a few at a time. */
function attach(runtime: Runtime, attachments: readonly Attachment[], width: number): void {
  const rest = attachments.values();
  const running = new Map<number, { readonly lane: Iterator<Call>; readonly call: Call }>();
  const advance = (lane: Iterator<Call>): void => {
    const { value, done } = lane.next();
    if (done !== true) running.set(start(value.program), { lane, call: value });
  };
  for (let lane = 0; lane < width; lane++) advance(attachEach(runtime, rest));
  while (running.size > 0) {
    const { pid, status } = wait(-1);
    const ended = running.get(pid);
    running.delete(pid);
    if (ended === undefined) continue;
    finish(ended.call, status);
    advance(ended.lane);
  }
}

function answer(runtime: Runtime, request: WorkerRequest): Answer {
  try {
    if (request.kind === "measure") return { costs: measureCalls(runtime, request.verb, request.attachment) };
    attach(runtime, request.attachments, request.width);
    return { costs: [] };
  } catch (error) {
    return { costs: [], failure: error instanceof Error ? error.message : String(error) };
  }
}

export function main([setup = ""]: readonly string[]): number {
  const runtime: Runtime = { ...(JSON.parse(setup) as WorkerSetup), attached: new Map() };
  makeDirectory(runtime.scratch, 0o700);
  for (const line of linesOfInput())
    writeStandardOutput(`${JSON.stringify(answer(runtime, JSON.parse(line) as WorkerRequest))}
`);
  return 0;
}
