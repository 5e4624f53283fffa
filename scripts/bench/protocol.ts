/** What a site and the worker inside it say to each other. */

/** One call of a plugin. The paths are those of the node. */
export interface Call {
  readonly executable: string;
  readonly env: Readonly<Record<string, string>>;
  /** The file that is standard input, and the one that standard output goes to. */
  readonly input: string;
  readonly output: string;
}

export type WorkerRequest =
  | { readonly kind: "measure"; readonly call: Call }
  | { readonly kind: "fill"; readonly calls: readonly Call[]; readonly width: number };

/** Milliseconds, and the output files of the calls that failed. */
export interface Answer {
  readonly wall: number;
  readonly cpu: number;
  readonly failed: readonly string[];
}
