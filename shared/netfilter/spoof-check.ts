/** macspoofchk: a bridge port's frames must carry the attachment's own source MAC address, or are dropped. */
import type { AttachmentKey } from "../cni/plugin.ts";

export interface SpoofCheck {
  readonly owner: AttachmentKey;
  /** The host's end of the veth pair, at most 15 characters. */
  readonly hostInterface: string;
  /** The address the container's end was given, as "02:00:00:00:00:01". */
  readonly mac: string;
}

/** For the validation phase: throws if this kernel cannot filter bridged frames. Changes nothing. */
export function prepareSpoofCheck(): void {}

/** Guards the interface. Repeated, it replaces the address. */
export function ensureSpoofCheck(_check: SpoofCheck): void {}

/** Removes the guard of the interface, and what the reference bridge plugin made for this attachment. */
export function removeSpoofCheck(_owner: AttachmentKey, _hostInterface: string): void {}

/** Throws CniError if the interface is not guarded with exactly this address. */
export function checkSpoofCheck(_check: SpoofCheck): void {}

/** Removes the guards of attachments of the network that are not in `keep`. */
export function collectSpoofChecks(_network: string, _keep: readonly AttachmentKey[]): void {}
