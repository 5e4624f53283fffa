/**
 * Starts processes from the engine and measures their resources. The engine uses vfork(2), so its own memory is
 * neither copied nor counted.
 */

import { monotonicMilliseconds } from "../../shared/system/clock.ts";
import { closeFile, OpenFlag, openFile } from "../../shared/system/file.ts";
import { call, SystemError } from "../../shared/system/libc.ts";
import type { Cost } from "./protocol.ts";
import { readUsage, USAGE_SIZE } from "./usage.ts";

export interface Program {
  readonly path: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Standard input, output and error: files, so that no other process runs meanwhile. */
  readonly files: readonly [input: string, output: string, error: string];
}

export interface Ended {
  readonly pid: number;
  /** The wait status of wait(2): 0 is exit code 0. */
  readonly status: number;
  readonly usage: Omit<Cost, "wall">;
}

const written = OpenFlag.writeOnly | OpenFlag.create | OpenFlag.truncate;

/** Runs `work` with the three files open. */
function withStreams<Value>({ files }: Program, work: (streams: [number, number, number]) => Value): Value {
  const [input, output, error] = files;
  const streams: [number, number, number] = [
    openFile(input, OpenFlag.readOnly),
    openFile(output, written, 0o600),
    openFile(error, written, 0o600),
  ];
  try {
    return work(streams);
  } finally {
    for (const stream of streams) closeFile(stream);
  }
}

const wordsOf = ({ environment }: Program): string[] =>
  Object.entries(environment).map(([name, value]) => `${name}=${value}`);

function spawn(
  path: string,
  variables: readonly string[],
  streams: readonly [number, number, number],
): number {
  const pid = native.spawn(path, [path], variables, ...streams);
  if (pid < 0) throw new SystemError("exec", path, -pid);
  return pid;
}

/** Starts a program without waiting. Returns its PID. */
export const start = (program: Program): number =>
  withStreams(program, (streams) => spawn(program.path, wordsOf(program), streams));

/** Waits for the end of one process, or of any with -1. */
export function wait(pid: number): Ended {
  const [status, usage] = [new Uint8Array(4), new Uint8Array(USAGE_SIZE)];
  const ended = call("wait4", "a measured process", pid, status, 0, usage);
  const { user, system, faults, memory } = readUsage(usage);
  return {
    pid: ended,
    status: new Uint32Array(status.buffer)[0] ?? 0,
    usage: { cpu: user + system, faults, memory },
  };
}

/** Runs a program to its end. */
export function measure(program: Program): { readonly cost: Cost; readonly status: number } {
  const variables = wordsOf(program);
  return withStreams(program, (streams) => {
    const begin = monotonicMilliseconds();
    const { status, usage } = wait(spawn(program.path, variables, streams));
    const wall = monotonicMilliseconds() - begin;
    return { cost: { wall, ...usage }, status };
  });
}
