import { readdirSync, readFileSync, readlinkSync } from "node:fs";

function mountNamespace(pid: number | string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

function commandLine(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return undefined;
  }
}

function processesBeside(pid: number): number[] {
  const home = mountNamespace(pid);
  // Never take the machine's own namespace for a node's, even when the node's process is gone.
  if (home === undefined || home === mountNamespace("self")) return [];
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return all.filter((name) => mountNamespace(name) === home).map(Number);
}

/** The command lines of all that runs in the mount namespace of a process, but for that process. */
export const otherProcesses = (pid: number): string[] =>
  processesBeside(pid)
    .filter((other) => other !== pid)
    .flatMap((other) => commandLine(other) ?? [])
    .sort();

/** Kills all that runs in the mount namespace of a process, and the process. */
export function killProcesses(pid: number): void {
  for (const each of processesBeside(pid)) {
    try {
      process.kill(each, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
}
