/** What GC has to keep. */
import { CniError, ErrorCode } from "./error.ts";
import type { AttachmentKey, Request } from "./plugin.ts";

/** The attachments to keep. An empty list is meant; a missing one is not. */
export function attachmentsToKeep(request: Request): AttachmentKey[] {
  const { name, validAttachments } = request.configuration;
  if (validAttachments !== undefined) return validAttachments.map((item) => ({ network: name, ...item }));
  const advice =
    "without the list of live attachments everything would look dead; an empty list is taken at its word";
  throw new CniError(ErrorCode.invalidConfiguration, "cni.dev/valid-attachments is missing", advice);
}
