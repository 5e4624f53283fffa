/**
 * Runs inside a node, in the engine: makes the calls of a file in order and prints their costs.
 *
 * worker SETUP
 */
import { listDirectory } from "../../../shared/system/directory.ts";
import { readText, removeFile, writeFile } from "../../../shared/system/file.ts";
import { writeStandardOutput } from "../../../shared/system/stdio.ts";
import { environmentOf } from "../environment.ts";
import { measure } from "../process.ts";
import type { Cost } from "../protocol.ts";
import type { LoopCall, LoopCost, LoopSetup } from "./protocol.ts";

const files = ["/run/bench-input", "/run/bench-output", "/run/bench-error"] as const;
const [input, output, errors] = files;

function forget(folder: string): void {
  for (const name of listDirectory(folder)) removeFile(`${folder}/${name}`);
}

function makeCall({ folder, netns }: LoopSetup, call: LoopCall, prevResult: unknown): Cost {
  const { plugin, verb, containerId, configuration, isChained = false, isRefused = false } = call;
  writeFile(input, JSON.stringify(isChained ? { ...configuration, prevResult } : configuration), 0o600);
  if (call.forgets !== undefined) forget(call.forgets);
  const environment = environmentOf(verb, { containerId, netns, ifname: "eth0" }, folder);
  const { cost, status } = measure({ path: `${folder}/${plugin}`, environment, files });
  if ((status !== 0) === isRefused) return cost;
  throw new Error(`${plugin} ${verb}: wait status ${status}: ${readText(output)}${readText(errors)}`);
}

export function main([file = ""]: readonly string[]): number {
  const setup = JSON.parse(readText(file)) as LoopSetup;
  const costs: LoopCost[] = [];
  let result: unknown;
  for (const call of setup.calls) {
    const cost = makeCall(setup, call, result);
    if (call.verb === "ADD" && call.isRefused !== true) result = JSON.parse(readText(output));
    if (call.figure !== undefined) costs.push({ figure: call.figure, cost });
  }
  writeStandardOutput(JSON.stringify(costs));
  return 0;
}
