/** Finds the attachments of a network that GC must keep. */
import { findAddress } from "../../shared/attachment/liveness.ts";
import { hostInterfaceName } from "../../shared/cni/attachment.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { readResult } from "../../shared/cni/result-input.ts";
import { latestVersion } from "../../shared/cni/version.ts";
import { formatIp, isLoopback } from "../../shared/ip/address.ts";
import { isOwnNamespace, openNamespace } from "../../shared/system/netns.ts";
import type { CachedAttachment } from "../node/cache.ts";
import { type HostInterface, hasLink, listHostInterfaces } from "../node/host-interfaces.ts";

/** Whether a path leads to no container's namespace for certain, as the node's own one does. Throws if that is unknown. */
function isPathGone(path: string): boolean {
  if (path === "") return false;
  if (isOwnNamespace(path)) return true;
  const opened = openNamespace(path);
  if (typeof opened === "string") return opened !== "denied";
  opened.close();
  return false;
}

function resultOf({ result }: CachedAttachment): Result | undefined {
  try {
    return readResult(result ?? {}, latestVersion, "the cached result");
  } catch {
    return undefined;
  }
}

/** Whether the interface is in some namespace. Its addresses tell, unless they are another attachment's now: not those that each namespace has. */
function isSomewhere({ ips }: Result, owner: AttachmentKey): boolean {
  const addresses = ips.map((ip) => ip.address.address).filter((address) => !isLoopback(address));
  return findAddress(owner, addresses.map(formatIp)) === "own";
}

/**
 * Whether an attachment is gone. A namespace without a path may have processes still: then the interface is in it, and with it, of a
 * pair, the end on the host.
 */
function isGone(entry: CachedAttachment): boolean {
  if (!isPathGone(entry.netns)) return false;
  const result = resultOf(entry);
  if (result === undefined) return true;
  const lacksHostEnd = result.interfaces.some(({ name, sandbox = "" }) => sandbox === "" && !hasLink(name));
  return lacksHostEnd || !isSomewhere(result, entry);
}

function wholeOwner({ name, owner, isWhole }: HostInterface): AttachmentKey {
  if (isWhole) return owner;
  const message = `${name} does not name its attachment: its alias is cut, and the cache has no entry for it`;
  const advice = `GC would remove it; run podwire del for it first: podwire list shows it`;
  throw new CniError(ErrorCode.internal, message, advice);
}

/**
 * Returns the attachments of `known` that are alive, and those that only a host interface names. An attachment is
 * alive if its namespace or its host interface exists; the kernel removes the interface with the namespace. Throws if
 * an interface does not name its attachment.
 */
export function livingAttachments(network: string, known: readonly CachedAttachment[]): AttachmentKey[] {
  const interfaces = listHostInterfaces();
  const names = new Set(interfaces.map(({ name }) => name));
  const knownNames = new Set(known.map(hostInterfaceName));
  const others = interfaces.filter(({ name }) => !knownNames.has(name));
  const mayBeOurs = ({ owner, isWhole }: HostInterface) => owner.network === network || !isWhole;
  return [
    ...known.filter((entry) => names.has(hostInterfaceName(entry)) || !isGone(entry)),
    ...others.filter(mayBeOurs).map(wholeOwner),
  ];
}
