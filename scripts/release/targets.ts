/** What a release is made for. */
import type { Processor } from "../engine/toolchain.ts";

export interface Target {
  /** As in the archive's name. */
  readonly name: string;
  readonly processor: Processor;
}

export const targets: readonly Target[] = [
  { name: "linux-x64", processor: "x64" },
  { name: "linux-arm64", processor: "arm64" },
];
