/** The attachments that GC keeps (cni.dev/valid-attachments). */
import { CniError, ErrorCode } from "./error.ts";
import type { AttachmentKey, Request } from "./plugin.ts";

/** Returns the attachments to keep. An empty list is valid, a missing one is an error. */
export function attachmentsToKeep(request: Request): AttachmentKey[] {
  const { name, validAttachments } = request.configuration;
  if (validAttachments !== undefined) return validAttachments.map((item) => ({ network: name, ...item }));
  const advice = "without the list GC would remove living attachments; an empty list removes all";
  throw new CniError(ErrorCode.invalidConfiguration, "cni.dev/valid-attachments is missing", advice);
}
