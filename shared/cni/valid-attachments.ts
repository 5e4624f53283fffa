/** The attachments that GC keeps: those in cni.dev/valid-attachments, and those that began after the list was made. */

import type { Environment } from "./environment.ts";
import { CniError, ErrorCode, quote } from "./error.ts";
import type { AttachmentKey, Request } from "./plugin.ts";

/**
 * When the list was made, in nanoseconds since 1970: of this time or later are attachments that cannot be in it. A runtime that does not
 * set it says that its list is complete, as the specification asks: no ADD may run beside GC ("Lifecycle & Ordering").
 */
export const LIST_TIME = "PODWIRE_LIST_TIME";

export interface Kept {
  readonly attachments: readonly AttachmentKey[];
  /** Nanoseconds since 1970. What a file says that was written then or later is kept. Undefined: only `attachments` are. */
  readonly since: bigint | undefined;
}

function listTime(environment: Environment): bigint | undefined {
  const text = environment[LIST_TIME] ?? "";
  if (text === "") return undefined;
  if (/^\d{1,19}$/.test(text)) return BigInt(text);
  const advice = "it is a time in nanoseconds since 1970; without it GC keeps what is in the list only";
  throw new CniError(ErrorCode.invalidEnvironment, `${LIST_TIME} is invalid: ${quote(text)}`, advice);
}

/** Returns what GC keeps. An empty list is valid, a missing one is an error. Throws codes 4 and 7. */
export function attachmentsToKeep({
  configuration,
  environment,
}: Pick<Request, "configuration" | "environment">): Kept {
  const { name, validAttachments } = configuration;
  const since = listTime(environment);
  if (validAttachments !== undefined)
    return { attachments: validAttachments.map((item) => ({ network: name, ...item })), since };
  const advice = "without the list GC would remove living attachments; an empty list removes all";
  throw new CniError(ErrorCode.invalidConfiguration, "cni.dev/valid-attachments is missing", advice);
}

/** Whether a file of that time is of an attachment that the list cannot have. */
export const isAfterList = ({ since }: Kept, modified: bigint | undefined): boolean =>
  since !== undefined && modified !== undefined && modified >= since;
