/** Other programs: found on a list of folders, run to their end. The one place that starts a process. */

import { Errno } from "./errno.ts";
import { closeFile, OpenFlag, readAll } from "./file.ts";
import { fileStatus, isExecutable } from "./file-status.ts";
import { call, cString, SystemError, tryCall } from "./libc.ts";
import { pause } from "./poll.ts";

export interface ProcessOptions {
  readonly arguments?: readonly string[];
  /** The whole environment of the child. */
  readonly environment: Readonly<Record<string, string>>;
  readonly input?: Uint8Array;
  /** The child is killed after that time; without one, it may take as long as it needs. */
  readonly timeoutMilliseconds?: number;
  /** "inherit" passes the child's standard error on as it comes; "capture" (the default) returns it. */
  readonly standardError?: "capture" | "inherit";
}

export interface ProcessOutcome {
  /** Undefined if a signal ended it. */
  readonly exitCode?: number;
  readonly signal?: string;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** Whether it was killed because its time was over. */
  readonly timedOut: boolean;
}

/** Where programs are when PATH is not set, as it is not under every runtime. */
const standardFolders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The folders to look for a system program in: those of PATH, then the standard ones. */
export function programFolders(environment: Readonly<Record<string, string>>): readonly string[] {
  // A relative folder would depend on where the runtime happens to stand.
  const path = (environment["PATH"] ?? "").split(":").filter((folder) => folder.startsWith("/"));
  return [...path, ...standardFolders];
}

/** The full path of the first executable file of that name, or undefined. A name is no path: "a/b" is in no folder. */
export function findExecutable(name: string, folders: readonly string[]): string | undefined {
  if (name === "" || name.includes("/") || name.includes("\0")) return undefined;
  for (const folder of folders) {
    const path = `${folder.endsWith("/") ? folder.slice(0, -1) : folder}/${name}`;
    if (isExecutable(path) && fileStatus(path)?.isFile === true) return path;
  }
  return undefined;
}

/** The pauses before a busy executable is tried again: it is being written by an installer that does not rename. */
const BUSY_PAUSES = [10, 20, 40, 80, 160];

/** Runs a program to its end. Throws SystemError if it cannot be started; how it ended is for the caller to judge. */
export function runProcess(path: string, options: ProcessOptions): ProcessOutcome {
  for (let attempt = 0; ; attempt++) {
    try {
      return runOnce(path, options);
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno === undefined) throw thrown;
      const length = BUSY_PAUSES[attempt];
      if (errno !== Errno.ETXTBSY || length === undefined) throw new SystemError("exec", path, errno);
      pause(length);
    }
  }
}

/**
 * The child's output goes into files in memory, not into pipes: a pipe ends only when the last process has closed it,
 * so a child that leaves a process of its own behind would keep us waiting for that one.
 */
function runOnce(path: string, options: ProcessOptions): ProcessOutcome {
  const stdout = createCapture("stdout");
  const stderr = createCapture("stderr");
  try {
    const child = Bun.spawnSync([path, ...(options.arguments ?? [])], {
      env: options.environment,
      stdin: options.input ?? "ignore",
      stdout,
      stderr: options.standardError === "inherit" ? "inherit" : stderr,
      ...(options.timeoutMilliseconds === undefined ? {} : { timeout: options.timeoutMilliseconds }),
      killSignal: "SIGKILL",
    });
    return {
      ...(child.exitCode === null ? {} : { exitCode: child.exitCode }),
      ...(child.signalCode === undefined ? {} : { signal: child.signalCode }),
      stdout: readCapture(stdout),
      stderr: readCapture(stderr),
      timedOut: child.exitedDueToTimeout === true && child.exitCode === null,
    };
  } finally {
    closeFile(stdout);
    closeFile(stderr);
  }
}

function createCapture(name: string): number {
  const MFD_CLOEXEC = 1;
  // Demanded where vm.memfd_noexec is 2; unknown before Linux 6.3.
  const MFD_NOEXEC_SEAL = 8;
  const F_SETFL = 4;
  const modern = tryCall("memfd_create", cString(name), MFD_CLOEXEC | MFD_NOEXEC_SEAL);
  const descriptor = modern >= 0 ? modern : call("memfd_create", name, cString(name), MFD_CLOEXEC);
  // A script that writes to /dev/stdout opens the file anew: what comes after must not overwrite that.
  call("fcntl", name, descriptor, F_SETFL, OpenFlag.append);
  return descriptor;
}

function readCapture(descriptor: number): Uint8Array {
  const SEEK_SET = 0;
  call("lseek", "captured output", descriptor, 0, SEEK_SET);
  return readAll(descriptor, "captured output");
}

/** The errno of a failed start: the runtime puts it, negated, on the error it throws. */
function errnoOf(thrown: unknown): number | undefined {
  const errno = thrown instanceof Error && "errno" in thrown ? thrown.errno : undefined;
  return typeof errno === "number" ? Math.abs(errno) : undefined;
}
