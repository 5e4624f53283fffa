/** Errors of the nftables backend. Pure. */
import { CniError, ErrorCode } from "../cni/error.ts";
import type { AttachmentKey } from "../cni/plugin.ts";
import type { NetlinkError } from "../netlink/error.ts";
import { Errno } from "../system/errno.ts";

/** The error for a projection that the kernel has refused so many times. */
export function refusedProjection(refusal: NetlinkError, attempts: number): CniError | NetlinkError {
  if (refusal.kind === "io" || refusal.kind === "passing") return refusal;
  if (refusal.errno === Errno.ERESTART) {
    return new CniError(
      ErrorCode.tryAgainLater,
      `other programs changed the packet filter ${attempts} times before podwire could`,
      "see which program changes it all the time with: nft monitor",
      refusal,
    );
  }
  return new CniError(
    ErrorCode.internal,
    `the kernel refuses podwire's rules: ${refusal.message}`,
    "see what is there with: nft list table inet podwire; remove it with: nft delete table inet podwire",
    refusal,
  );
}

/** What brings back what attachments share. */
const ANY_CALL = "the next ADD or DEL of a container with rules on this node repairs it";
/** What brings a single element back. */
export const NEXT_GC =
  "the next GC on this node repairs it; if the configuration changed, recreate the container";

/** For CHECK: what is wrong, and what repairs it. */
export function notAsMade(
  { ifname, containerId }: AttachmentKey,
  what: string,
  repaired = ANY_CALL,
): CniError {
  return new CniError(
    ErrorCode.internal,
    `${ifname} of container ${containerId}: ${what}`,
    `something changed the packet filter (nft list table inet podwire shows it); ${repaired}`,
  );
}
