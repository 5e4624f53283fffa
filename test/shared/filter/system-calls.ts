/** Calls of shared/filter of which a chosen system call fails, or is the last one. */
import type { Node } from "../../helpers/index.ts";
import { commandOf, type Operation, type Variant } from "./world.ts";

/** One system call: the `number`-th of its kind since the process began. */
export interface Step {
  readonly syscall: string;
  readonly number: number;
  /** The line of the trace, to say which step it is. */
  readonly line: string;
}

/** The calls that change something, or look at what was changed. A kill between two of them is a kill at the second. */
const changing = new Set([
  "flock",
  "ftruncate",
  "linkat",
  "mkdirat",
  "openat",
  "recvfrom",
  "renameat2",
  "sendto",
  "unlinkat",
  "vfork",
  "clone",
  "wait4",
  "write",
]);

/** The first thing that a call does: it opens the socket by which it asks the kernel. */
const isFirst = (line: string) => /^socket\(AF_NETLINK/.test(line);

const stepsIn = (trace: string): Step[] => {
  const counts = new Map<string, number>();
  const steps: Step[] = [];
  let isWorking = false;
  for (const line of trace.split("\n")) {
    const syscall = /^(\w+)\(/.exec(line)?.[1];
    if (syscall === undefined || line.includes("ERESTART")) continue;
    const number = (counts.get(syscall) ?? 0) + 1;
    counts.set(syscall, number);
    isWorking ||= isFirst(line);
    // What the process prints at its end is no step of the call.
    if (isWorking && changing.has(syscall) && !line.startsWith("write(1,")) {
      steps.push({ syscall, number, line: line.slice(0, 200) });
    }
  }
  return steps;
};

/** The steps of a call, which is made. */
export const stepsOf = async (node: Node, variant: Variant, operation: Operation): Promise<Step[]> => {
  const file = "/run/trace";
  const { stdout } = await node.exec("strace", ["-o", file, ...commandOf(variant, operation)]);
  if (stdout !== "[null]") throw new Error(stdout);
  const trace = (await node.exec("cat", [file])).stdout;
  await node.exec("rm", [file]);
  return stepsIn(trace);
};

/** How a call ended, one step of which met `fate`, such as "error=EIO" or "signal=SIGKILL"; undefined: it was killed. */
export const callWith = async (
  node: Node,
  variant: Variant,
  operation: Operation,
  { syscall, number }: Step,
  fate: string,
): Promise<unknown> => {
  const chosen = ["-e", `trace=${syscall}`, "-e", `inject=${syscall}:${fate}:when=${number}`];
  const args = ["-o", "/dev/null", ...chosen, ...commandOf(variant, operation)];
  const { stdout } = await node.exec("strace", args, { reject: false });
  return stdout === "" ? undefined : (JSON.parse(stdout) as unknown[])[0];
};

/** Has something done for each step; a failure names the step. */
export const forEachStep = async (
  steps: readonly Step[],
  work: (step: Step) => Promise<void>,
): Promise<void> => {
  if (steps.length === 0) throw new Error("no steps");
  for (const step of steps) {
    try {
      await work(step);
    } catch (error) {
      const { message, stack } = error as Error;
      throw Object.assign(error as Error, { message: `at ${step.line}\n${message}`, stack });
    }
  }
};
