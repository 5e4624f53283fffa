/** What a release is made for. */

export interface Target {
  /** As in the archive's name, and for Bun's compiler. */
  readonly name: string;
  /** The package that has Bun for it. */
  readonly runtime: string;
}

export const targets: readonly Target[] = [
  { name: "linux-x64", runtime: "@oven/bun-linux-x64" },
  { name: "linux-x64-musl", runtime: "@oven/bun-linux-x64-musl" },
  { name: "linux-arm64", runtime: "@oven/bun-linux-aarch64" },
  { name: "linux-arm64-musl", runtime: "@oven/bun-linux-aarch64-musl" },
];
