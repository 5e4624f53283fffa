import { createInterface } from "node:readline";
import { execa } from "execa";
import { enter, type Place } from "../../test/helpers/enter.ts";
import { evaluator, writeMain } from "../module.ts";
import type { Answer, Cost, WorkerRequest, WorkerSetup } from "./protocol.ts";

export interface Worker extends AsyncDisposable {
  /** Throws the worker's error. */
  ask(request: WorkerRequest): Promise<readonly Cost[]>;
}

/** Starts the process that calls plugins (worker.ts), in a node's namespaces or in ours. */
export async function startWorker(setup: WorkerSetup, place?: Place): Promise<Worker> {
  const script = await writeMain("scripts/bench/worker.ts");
  const words = [...script.words, JSON.stringify(setup)];
  const [file, args] = place === undefined ? [evaluator, words] : enter(place, evaluator, words);
  const child = execa(file, args, { stdin: "pipe", buffer: false, reject: false });
  child.stderr.pipe(process.stderr);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (request: WorkerRequest): Promise<readonly Cost[]> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error("the measuring process ended");
    const { failure, costs } = JSON.parse(value) as Answer;
    if (failure !== undefined) throw new Error(failure);
    return costs;
  };
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await child;
    await script[Symbol.asyncDispose]();
  };
  return { ask, [Symbol.asyncDispose]: stop };
}
