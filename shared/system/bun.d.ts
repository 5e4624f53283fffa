/** What the run time offers beside the standard library and the plugins use; Bun's own types would replace Node's. */
declare namespace Bun {
  /** The natives under the module bun:ffi. Types are numbers, as in that module's FFIType. */
  const FFI: {
    dlopen<Name extends string>(
      library: string,
      signatures: Readonly<Record<Name, { readonly args: readonly number[]; readonly returns: number }>>,
    ): {
      readonly symbols: Readonly<Record<Name, (...values: (number | bigint | null)[]) => number | bigint>>;
    };
    /** The address of the bytes; they stay where they are while the array is referenced. */
    ptr(bytes: Uint8Array): number;
    readonly read: { i32(pointer: number, offset: number): number };
  };
  class CryptoHasher {
    constructor(algorithm: "sha256" | "sha512");
    update(data: string | Uint8Array): this;
    digest(encoding: "hex"): string;
  }
  interface SyncSubprocess {
    readonly exitCode: number | null;
    readonly signalCode?: string;
    readonly exitedDueToTimeout?: boolean;
  }
  function spawnSync(
    command: readonly string[],
    options: {
      readonly env: Readonly<Record<string, string>>;
      readonly stdin: Uint8Array | "ignore";
      /** A number is a descriptor of this process. */
      readonly stdout: number;
      readonly stderr: number | "inherit";
      readonly timeout?: number;
      readonly killSignal?: string;
    },
  ): SyncSubprocess;
}
