/**
 * The call log: one line of JSON per call, in the file of PODWIRE_LOG or the key podwireLog. It shows people what a
 * runtime did. A failure to write it does not fail the call.
 */

import { closeFile, OpenFlag, openFile } from "../system/file.ts";
import { call } from "../system/libc.ts";
import { writeStandardError } from "../system/stdio.ts";
import { encodeText } from "../system/text.ts";
import { messageOf } from "./error.ts";
import type { JsonObject } from "./fields.ts";
import { elapsedMilliseconds, recordedSteps, rounded } from "./steps.ts";

/** The runner's knowledge of a call at its end. */
export interface Call {
  readonly plugin: string;
  readonly version: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Empty if the configuration could not be read. */
  readonly network: string;
  /** The printed result, if any. */
  readonly result?: JsonObject | undefined;
  /** The error as it was printed. */
  readonly error?: JsonObject | undefined;
}

/** Private: lines contain addresses and names of pods. */
const MODE = 0o600;

/** The line, without the parts that the call lacks. */
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

/** One write(2) with O_APPEND keeps lines of concurrent calls whole. A pipe without a reader must not block. */
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

/** Adds a call to the log. Never throws: it reports a failure on standard error. */
export function logCall(path: string, made: Call): void {
  try {
    append(path, lineOf(made));
  } catch (thrown) {
    try {
      writeStandardError(`podwire: the call log cannot be written: ${messageOf(thrown)}\n`);
    } catch {
      // Standard error is closed, too.
    }
  }
}
