import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

interface CpuTime {
  readonly busy: number;
  readonly all: number;
}

function cpuTime(): CpuTime {
  const first = readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? "";
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, ...rest] = first
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const busy = user + nice + system + rest.slice(0, 2).reduce((sum, value) => sum + value, 0);
  return { busy, all: busy + idle + iowait };
}

/** The machine's CPU load during a second, between 0 and 1. */
async function load(): Promise<number> {
  const before = cpuTime();
  await setTimeout(1000);
  const after = cpuTime();
  return (after.busy - before.busy) / (after.all - before.all);
}

const calm = 0.05;

/**
 * Waits until the machine is idle. New interfaces announce themselves on their bridge for some seconds, and the kernel
 * removes namespaces in the background. Gives up after `longest` seconds.
 */
export async function settle(longest: number): Promise<void> {
  for (let second = 0; second < longest; second += 1) if ((await load()) < calm) return;
  if (longest > 0)
    process.stderr.write(`the machine is still busy after ${longest} s: the figures will be noisy\n`);
}
