/**
 * The log of calls: a line of JSON for each, in the file that PODWIRE_LOG or the key podwireLog names. It is for people
 * who look for what a runtime did; a log that cannot be written is no reason for a call to fail.
 */

import { closeFile, OpenFlag, openFile } from "../system/file.ts";
import { call } from "../system/libc.ts";
import { writeStandardError } from "../system/stdio.ts";
import { encodeText } from "../system/text.ts";
import { messageOf } from "./error.ts";
import type { JsonObject } from "./fields.ts";
import { elapsedMilliseconds, recordedSteps, rounded } from "./steps.ts";

/** What the runner knows of a call at its end. */
export interface Call {
  readonly plugin: string;
  readonly version: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Empty if the configuration could not be read. */
  readonly network: string;
  /** What was printed: a result, or nothing. */
  readonly result?: JsonObject | undefined;
  /** The error as it was printed. */
  readonly error?: JsonObject | undefined;
}

/** A line may tell addresses and names of pods. */
const MODE = 0o600;

/** The line. What a call does not have is left out. */
function lineOf({ plugin, version, environment, network, result, error }: Call): string {
  const now = Date.now();
  const milliseconds = elapsedMilliseconds();
  const line = {
    time: new Date(now - milliseconds).toISOString(),
    verb: environment["CNI_COMMAND"],
    plugin,
    version,
    network: network === "" ? undefined : network,
    container: environment["CNI_CONTAINERID"],
    interface: environment["CNI_IFNAME"],
    netns: environment["CNI_NETNS"],
    milliseconds: rounded(milliseconds),
    steps: recordedSteps(),
    result,
    error,
    traceparent: environment["TRACEPARENT"],
  };
  return `${JSON.stringify(line)}\n`;
}

/** One write(2) with O_APPEND: lines of calls at the same time stay whole. A pipe that nobody reads must not hang. */
function append(path: string, text: string): void {
  const { writeOnly, append: atEnd, create, nonBlocking } = OpenFlag;
  const descriptor = openFile(path, writeOnly | atEnd | create | nonBlocking, MODE);
  try {
    const bytes = encodeText(text);
    call("write", path, descriptor, bytes);
  } finally {
    closeFile(descriptor);
  }
}

/** Adds a call to the log. Never throws: a failure is told on standard error, if that is there. */
export function logCall(path: string, made: Call): void {
  try {
    append(path, lineOf(made));
  } catch (thrown) {
    try {
      writeStandardError(`podwire: the log of calls cannot be written: ${messageOf(thrown)}\n`);
    } catch {
      // Nobody is there to be told.
    }
  }
}
