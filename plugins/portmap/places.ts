/** Where the owners of host ports are recorded (registry.ts says what is there), and the cheapest looks at it. */
import { ownerHash } from "../../shared/cni/attachment.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { fileExists } from "../../shared/system/file-status.ts";

export const ROOT = "/run/podwire/hostports";
export const OWNERS = `${ROOT}/owners`;
export const CLAIMS = `${ROOT}/claims`;
export const RULES = `${ROOT}/rules`;
/** A file that goes with the records: every port of ours in the kernel has one. */
export const COMPLETE = `${OWNERS}/complete`;
export const PRIVATE = 0o600;

export const ownerPath = (owner: AttachmentKey): string => `${OWNERS}/${ownerHash(owner)}`;
export const rulesPath = (owner: AttachmentKey): string => `${RULES}/${ownerHash(owner)}`;

/** Whether anything was ever recorded on this node since it booted. */
export function isKept(): boolean {
  return fileExists(OWNERS);
}

/** Whether an owner without a record has nothing in the packet filter. One access(2), as it is one record or thousands. */
export function isComplete(): boolean {
  return fileExists(COMPLETE);
}

/** Whether anything is recorded of an owner. One access(2), two on a node where ports are forwarded. */
export function hasRecord(owner: AttachmentKey): boolean {
  return isKept() && fileExists(ownerPath(owner));
}
