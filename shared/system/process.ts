/** Other programs: found on a list of folders, run to their end. The one place that starts a process. */

import { Errno } from "./errno.ts";
import { closeFile, OpenFlag, openFile, readAll, writeAll } from "./file.ts";
import { fileStatus, isExecutable } from "./file-status.ts";
import { call, SystemError, tryCall } from "./libc.ts";
import { pause, waitForAny } from "./poll.ts";
import { signalName } from "./signals.ts";

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
      const length = BUSY_PAUSES[attempt];
      const isBusy = thrown instanceof SystemError && thrown.errno === Errno.ETXTBSY;
      if (!isBusy || length === undefined) throw thrown;
      pause(length);
    }
  }
}

/**
 * The child's output goes into files in memory, not into pipes: a pipe ends only when the last process has closed it,
 * so a child that leaves a process of its own behind would keep us waiting for that one.
 */
function runOnce(path: string, options: ProcessOptions): ProcessOutcome {
  const open: number[] = [];
  const keep = (descriptor: number): number => {
    open.push(descriptor);
    return descriptor;
  };
  try {
    const input = keep(openInput(options.input));
    const stdout = keep(createCapture("stdout"));
    const stderr = keep(createCapture("stderr"));
    const environment = Object.entries(options.environment).map(([name, value]) => `${name}=${value}`);
    const errorStream = options.standardError === "inherit" ? 2 : stderr;
    const child = native.spawn(
      path,
      [path, ...(options.arguments ?? [])],
      environment,
      input,
      stdout,
      errorStream,
    );
    if (child < 0) throw new SystemError("exec", path, -child);
    const end = waitForEnd(child, path, options.timeoutMilliseconds);
    return { ...end, stdout: readCapture(stdout), stderr: readCapture(stderr) };
  } finally {
    for (const descriptor of open) closeFile(descriptor);
  }
}

/** The child's standard input, at its start: /dev/null without any. */
function openInput(input: Uint8Array | undefined): number {
  if (input === undefined) return openFile("/dev/null", OpenFlag.readOnly);
  const descriptor = createCapture("stdin");
  writeAll(descriptor, input, "standard input of a child");
  rewind(descriptor);
  return descriptor;
}

type End = Pick<ProcessOutcome, "exitCode" | "signal" | "timedOut">;

const SIGKILL = 9;

/** Waits for the end of a child, and kills it when its time is over. */
function waitForEnd(child: number, path: string, limitMilliseconds: number | undefined): End {
  // A descriptor of a process can be waited for with a limit (pidfd_open(2), Linux 5.3).
  const descriptor = call("pidfd_open", path, child, 0);
  try {
    const timedOut = waitForAny([descriptor], path, limitMilliseconds).length === 0;
    if (timedOut) tryCall("pidfd_send_signal", descriptor, SIGKILL);
    return { ...reap(child, path), timedOut };
  } finally {
    closeFile(descriptor);
  }
}

/** What wait4(2) says: wait(2), "WIFEXITED" and the macros after it. */
function reap(child: number, path: string): Omit<End, "timedOut"> {
  const status = new Uint8Array(4);
  call("wait4", path, child, status, 0, null);
  const [low = 0, exitCode = 0] = status;
  const signal = low & 0x7f;
  return signal === 0 ? { exitCode } : { signal: signalName(signal) };
}

function createCapture(name: string): number {
  const MFD_CLOEXEC = 1;
  // Demanded where vm.memfd_noexec is 2; unknown before Linux 6.3.
  const MFD_NOEXEC_SEAL = 8;
  const F_SETFL = 4;
  const modern = tryCall("memfd_create", name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
  const descriptor = modern >= 0 ? modern : call("memfd_create", name, name, MFD_CLOEXEC);
  // A script that writes to /dev/stdout opens the file anew: what comes after must not overwrite that.
  call("fcntl", name, descriptor, F_SETFL, OpenFlag.append);
  return descriptor;
}

const SEEK_SET = 0;

const rewind = (descriptor: number): void => {
  call("lseek", "a file in memory", descriptor, 0, SEEK_SET);
};

function readCapture(descriptor: number): Uint8Array {
  rewind(descriptor);
  return readAll(descriptor, "captured output");
}
