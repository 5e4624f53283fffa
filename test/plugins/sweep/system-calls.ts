/** The system calls of a plugin's call, and calls in which one of them fails or is the last one. */
import type { CniCommand, PluginRun } from "../../helpers/index.ts";
import { pluginOptions, pluginRun } from "../../helpers/plugin.ts";
import type { Host, Keys, Pod } from "../attachment/host.ts";
import { siteOf } from "./sites.ts";

/** One system call of a run: the `number`-th of its kind since the process began. */
export interface Step {
  readonly syscall: string;
  readonly number: number;
  /** The line of the trace: it names the step where a test fails. */
  readonly line: string;
  /** The same for each run of the same code on the same kind of object, whatever the numbers of descriptors and messages. */
  readonly site: string;
}

/** What the run time does for itself, not for the plugin. */
const ofRunTime =
  /^(futex|madvise|mmap|munmap|mprotect|brk|rt_sig\w+|sched_\w+|getrandom|clone3|exit_group)$/;

/** Where the start-up of a plugin ends: it reads standard input. */
const readsInput = (line: string): boolean => line.startsWith("read(0,");

/** The calls in a trace from the line that `isFirst` names on. */
export const stepsIn = (trace: string, isFirst = readsInput): Step[] => {
  const counts = new Map<string, number>();
  const nameSite = siteOf();
  const steps: Step[] = [];
  let isWorking = false;
  for (const line of trace.split("\n")) {
    const syscall = /^(\w+)\(/.exec(line)?.[1];
    // A call that the kernel begins again (a sysctl whose lock is taken) is no step of the plugin's.
    if (syscall === undefined || line.includes("ERESTART")) continue;
    const number = (counts.get(syscall) ?? 0) + 1;
    counts.set(syscall, number);
    isWorking ||= isFirst(line);
    const site = nameSite(syscall, line);
    if (isWorking && !ofRunTime.test(syscall))
      steps.push({ syscall, number, line: line.slice(0, 200), site });
  }
  return steps;
};

/** One call of the plugin, as the steps of it are looked for. */
export interface Call {
  readonly host: Host;
  readonly command: CniCommand;
  readonly pod: Pod;
  readonly config: Keys;
}

const optionsOf = ({ host, command, pod, config }: Call) =>
  pluginOptions(host.executable, host.request(command, pod, config));

/** The steps of a call that succeeds. */
export const stepsOf = async (call: Call): Promise<Step[]> => {
  const { node, executable } = call.host;
  const file = "/run/trace";
  const { exitCode, stdout } = await node.exec("strace", ["-o", file, executable], optionsOf(call));
  if (exitCode !== 0) throw new Error(stdout);
  const trace = (await node.exec("cat", [file])).stdout;
  await node.exec("rm", [file]);
  return stepsIn(trace);
};

/** The call, one step of which has the fate `fate`, such as "error=EIO" or "signal=SIGKILL". */
export const callWith = async (call: Call, { syscall, number }: Step, fate: string): Promise<PluginRun> => {
  const { node, executable } = call.host;
  const chosen = ["-e", `trace=${syscall}`, "-e", `inject=${syscall}:${fate}:when=${number}`];
  return pluginRun(await node.exec("strace", ["-o", "/dev/null", ...chosen, executable], optionsOf(call)));
};
