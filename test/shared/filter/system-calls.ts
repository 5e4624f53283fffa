/** Calls of shared/filter of which a chosen system call fails, or is the last one. */
import type { Node } from "../../helpers/index.ts";
import { type Step, stepsIn } from "../../plugins/sweep/system-calls.ts";
import { commandOf, type Operation, type Variant } from "./world.ts";

/** The first thing that a call does: it opens the socket by which it asks the kernel. */
const isFirst = (line: string) => line.startsWith("socket(AF_NETLINK");
/** What the process prints at its end is no step of the call. */
const isResult = ({ line }: Step) => line.startsWith("write(1,");

/** The steps of a call, which is made. */
export const stepsOf = async (node: Node, variant: Variant, operation: Operation): Promise<Step[]> => {
  const file = "/run/trace";
  const { stdout } = await node.exec("strace", ["-o", file, ...commandOf(variant, operation)]);
  if (stdout !== "[null]") throw new Error(stdout);
  const trace = (await node.exec("cat", [file])).stdout;
  await node.exec("rm", [file]);
  return stepsIn(trace, isFirst).filter((step) => !isResult(step));
};

/** How a call ended, one step of which had the fate `fate`, such as "error=EIO"; undefined: it was killed. */
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
