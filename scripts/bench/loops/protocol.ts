/** The messages between the benchmark of long lists and its worker inside the node. */
import type { Cost, Verb } from "../protocol.ts";

export interface LoopCall {
  /** The name of the figure. A call without a name is made but not counted. */
  readonly figure?: string;
  readonly plugin: string;
  readonly verb: Verb;
  readonly containerId: string;
  readonly configuration: Readonly<Record<string, unknown>>;
  /** True if the call gets the last ADD's result, as a later plugin of a chain does. */
  readonly isChained?: boolean;
  /** True if the call has to fail. */
  readonly isRefused?: boolean;
  /** A folder whose files are removed before the call: state from earlier calls. */
  readonly forgets?: string;
}

/** The worker's input, in a file. */
export interface LoopSetup {
  /** The folder with the executables. */
  readonly folder: string;
  readonly netns: string;
  readonly calls: readonly LoopCall[];
}

/** The worker's output: the costs of the named calls. */
export interface LoopCost {
  readonly figure: string;
  readonly cost: Cost;
}
