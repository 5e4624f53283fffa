/**
 * Runs inside a node, under Bun: calls a plugin and says how long the call took, so that no other process
 * stands in the measured time. One request a line on standard input, one answer a line on standard output.
 */
import { createInterface } from "node:readline";
import type { Answer, Call, WorkerRequest } from "./protocol.ts";

interface Usage {
  readonly cpuTime: { readonly total: number | bigint };
}

declare const Bun: {
  nanoseconds(): number;
  file(path: string): object;
  spawnSync(options: object): { readonly exitCode: number; readonly resourceUsage: Usage };
  spawn(options: object): { readonly exited: Promise<number> };
};

// Files in memory, so that the caller's pipes cost nothing while the plugin runs.
const options = ({ executable, env, input, output }: Call): object => ({
  cmd: [executable],
  env,
  stdin: Bun.file(input),
  stdout: Bun.file(output),
  stderr: Bun.file(`${output}.err`),
});

function measure(call: Call): Answer {
  const begin = Bun.nanoseconds();
  const { exitCode, resourceUsage } = Bun.spawnSync(options(call));
  const wall = (Bun.nanoseconds() - begin) / 1e6;
  // What the plugin's own children used is in it: the kernel adds up what was waited for.
  return {
    failed: exitCode === 0 ? [] : [call.output],
    wall,
    cpu: Number(resourceUsage.cpuTime.total) / 1e3,
  };
}

/** Calls that nobody measures, a few at a time. */
async function fill(calls: readonly Call[], width: number): Promise<Answer> {
  const rest = calls.values();
  const failed: string[] = [];
  const lane = async (): Promise<void> => {
    for (const call of rest) {
      if ((await Bun.spawn(options(call)).exited) !== 0) failed.push(call.output);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return { failed, wall: 0, cpu: 0 };
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as WorkerRequest;
  const answer =
    request.kind === "measure" ? measure(request.call) : await fill(request.calls, request.width);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
