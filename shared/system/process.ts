/** Other programs: finds them in folders and runs them. Only this module starts processes. */

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
  /** The time limit after which the child is killed with what it has started; none by default. */
  readonly timeoutMilliseconds?: number;
  /** "inherit" passes the child's standard error on; "capture" (the default) returns it. */
  readonly standardError?: "capture" | "inherit";
}

export interface ProcessOutcome {
  /** Undefined if a signal ended it. */
  readonly exitCode?: number;
  readonly signal?: string;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** True if it was killed at its time limit. */
  readonly timedOut: boolean;
}

/** The folders of programs without PATH: some runtimes do not set it. */
const standardFolders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The folders of system programs: those of PATH, then the standard ones. */
export function programFolders(environment: Readonly<Record<string, string>>): readonly string[] {
  // A relative folder would depend on the runtime's working folder.
  const path = (environment["PATH"] ?? "").split(":").filter((folder) => folder.startsWith("/"));
  return [...path, ...standardFolders];
}

/** The path of the first executable file of that name, or undefined. A name with a slash is never found. */
export function findExecutable(name: string, folders: readonly string[]): string | undefined {
  if (name === "" || name.includes("/") || name.includes("\0")) return undefined;
  for (const folder of folders) {
    const path = `${folder.endsWith("/") ? folder.slice(0, -1) : folder}/${name}`;
    if (isExecutable(path) && fileStatus(path)?.isFile === true) return path;
  }
  return undefined;
}

/** Pauses before an executable that is open for writing (ETXTBSY) is tried again: some installers write in place. */
const BUSY_PAUSES = [10, 20, 40, 80, 160];

/** Runs a program to its end. Throws SystemError if it cannot start; the caller judges its exit code. */
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
 * The child writes to files in memory and not to pipes: a pipe ends only with its last writer, so we would wait for a
 * process that the child leaves behind.
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
      options.timeoutMilliseconds !== undefined,
    );
    if (child < 0) throw new SystemError("exec", path, -child);
    const end = waitForEnd(child, path, options.timeoutMilliseconds);
    return { ...end, stdout: readCapture(stdout), stderr: readCapture(stderr) };
  } finally {
    for (const descriptor of open) closeFile(descriptor);
  }
}

/** The child's standard input at its start; /dev/null without input. */
function openInput(input: Uint8Array | undefined): number {
  if (input === undefined) return openFile("/dev/null", OpenFlag.readOnly);
  const descriptor = createCapture("stdin");
  writeAll(descriptor, input, "standard input of a child");
  rewind(descriptor);
  return descriptor;
}

type End = Pick<ProcessOutcome, "exitCode" | "signal" | "timedOut">;

const SIGKILL = 9;

/** Waits for a child. At its time limit, kills its process group: its own children would change things when it is gone. */
function waitForEnd(child: number, path: string, limitMilliseconds: number | undefined): End {
  // A descriptor of a process allows a wait with a limit (pidfd_open(2), Linux 5.3).
  const descriptor = call("pidfd_open", path, child, 0);
  try {
    const timedOut = waitForAny([descriptor], path, limitMilliseconds).length === 0;
    if (timedOut) tryCall("kill", -child, SIGKILL);
    if (timedOut) tryCall("pidfd_send_signal", descriptor, SIGKILL);
    return { ...reap(child, path), timedOut };
  } finally {
    closeFile(descriptor);
  }
}

/** The result of wait4(2): wait(2), "WIFEXITED" and the following macros. */
function reap(child: number, path: string): Omit<End, "timedOut"> {
  const status = new Uint8Array(4);
  call("wait4", path, child, status, 0, null);
  const [low = 0, exitCode = 0] = status;
  const signal = low & 0x7f;
  return signal === 0 ? { exitCode } : { signal: signalName(signal) };
}

function createCapture(name: string): number {
  const MFD_CLOEXEC = 1;
  // Required if vm.memfd_noexec is 2; unknown before Linux 6.3.
  const MFD_NOEXEC_SEAL = 8;
  const F_SETFL = 4;
  const modern = tryCall("memfd_create", name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
  const descriptor = modern >= 0 ? modern : call("memfd_create", name, name, MFD_CLOEXEC);
  // A script that writes to /dev/stdout opens the file again; later output must not overwrite it.
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
