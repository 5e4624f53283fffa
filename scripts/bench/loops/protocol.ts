/** What the benchmark of long lists and the worker inside its node say to each other. */
import type { Cost, Verb } from "../protocol.ts";

export interface LoopCall {
  /** What the figure is called; a call without a name is made, and not counted. */
  readonly figure?: string;
  readonly plugin: string;
  readonly verb: Verb;
  readonly containerId: string;
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Whether it is handed the result of the last ADD, as a plugin further on in a chain is. */
  readonly isChained?: boolean;
  /** Whether it is to fail. */
  readonly isRefused?: boolean;
  /** A folder whose files are removed before: what a plugin remembers from call to call. */
  readonly forgets?: string;
}

/** What the worker is given, in a file. */
export interface LoopSetup {
  /** The folder with the executables. */
  readonly folder: string;
  readonly netns: string;
  readonly calls: readonly LoopCall[];
}

/** What it prints: what the calls with names cost. */
export interface LoopCost {
  readonly figure: string;
  readonly cost: Cost;
}
