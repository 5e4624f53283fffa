/** Finds the attachments of a network that GC must keep. */
import { isAddressInAnyNetns } from "../../shared/attachment/liveness.ts";
import { hostInterfaceName } from "../../shared/cni/attachment.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { readResult } from "../../shared/cni/result-input.ts";
import { latestVersion } from "../../shared/cni/version.ts";
import { formatIp } from "../../shared/ip/address.ts";
import { isOwnNamespace, openNamespace } from "../../shared/system/netns.ts";
import type { CachedAttachment } from "../node/cache.ts";
import { type HostInterface, listHostInterfaces } from "../node/host-interfaces.ts";

/** Whether a path leads to no container's namespace for certain, as the node's own one does. Throws if that is unknown. */
function isPathGone(path: string): boolean {
  if (path === "") return false;
  if (isOwnNamespace(path)) return true;
  const opened = openNamespace(path);
  if (typeof opened === "string") return opened !== "denied";
  opened.close();
  return false;
}

function addressesOf({ result }: CachedAttachment): string[] {
  try {
    return readResult(result ?? {}, latestVersion, "the cached result").ips.map((ip) =>
      formatIp(ip.address.address),
    );
  } catch {
    return [];
  }
}

/** Whether a namespace is gone. One without a path may have processes still: then the interface with its addresses is in it. */
const isNamespaceGone = (entry: CachedAttachment): boolean =>
  isPathGone(entry.netns) && !isAddressInAnyNetns(entry.ifname, addressesOf(entry));

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
    ...known.filter((entry) => names.has(hostInterfaceName(entry)) || !isNamespaceGone(entry)),
    ...others.filter(mayBeOurs).map(wholeOwner),
  ];
}
