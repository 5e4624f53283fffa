/** The processors of a release. */
import type { Processor } from "../engine/toolchain.ts";

export interface Target {
  /** The name in the archive's name. */
  readonly name: string;
  readonly processor: Processor;
}

export const targets: readonly Target[] = [
  { name: "linux-x64", processor: "x64" },
  { name: "linux-arm64", processor: "arm64" },
];
