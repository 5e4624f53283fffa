/** What a site and the worker inside it say to each other. */
import type { Attachment, Network } from "../../test/helpers/index.ts";

export type Verb = "ADD" | "DEL";

/** What the worker is started with, as its only argument. */
export interface WorkerSetup {
  /** The folder with the executables. */
  readonly folder: string;
  readonly network: Network;
}

export type WorkerRequest =
  | { readonly kind: "measure"; readonly verb: Verb; readonly attachment: Attachment }
  | { readonly kind: "attach"; readonly attachments: readonly Attachment[]; readonly width: number };

/** Milliseconds, added up over the plugins of the network. */
export interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

export interface Answer extends Cost {
  /** What went wrong, if anything did. */
  readonly failure?: string;
}
