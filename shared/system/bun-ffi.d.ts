/** The part of Bun's foreign function interface that libc.ts uses; Bun's own type package would replace Node's. */
declare module "bun:ffi" {
  type NativeType = "int" | "u32" | "i64" | "u64" | "ptr" | "void";
  interface Signature {
    readonly args: readonly NativeType[];
    readonly returns: NativeType;
  }
  type NativeArgument = number | bigint | Uint8Array | null;
  export function dlopen<Name extends string>(
    library: string,
    signatures: Readonly<Record<Name, Signature>>,
  ): { readonly symbols: Readonly<Record<Name, (...values: NativeArgument[]) => number>> };
  export const read: { i32(pointer: number, offset: number): number };
}

/** What the runtime offers beside the standard library and the plugins use. */
declare namespace Bun {
  class CryptoHasher {
    constructor(algorithm: "sha256" | "sha512");
    update(data: string | Uint8Array): this;
    digest(encoding: "hex"): string;
  }
  interface SyncSubprocess {
    readonly exitCode: number | null;
    readonly signalCode?: string;
    readonly stdout: Uint8Array;
    /** Absent when it was not piped. */
    readonly stderr?: Uint8Array;
    readonly exitedDueToTimeout?: boolean;
    readonly success: boolean;
  }
  function spawnSync(
    command: readonly string[],
    options: {
      readonly env: Readonly<Record<string, string>>;
      readonly stdin: Uint8Array | "ignore";
      readonly stdout: "pipe";
      readonly stderr: "pipe" | "inherit";
      readonly timeout?: number;
      readonly killSignal?: string;
    },
  ): SyncSubprocess;
}
