/** Finds the attachments of a network that GC must keep. */
import { hostInterfaceName } from "../../shared/cni/attachment.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { openNamespace } from "../../shared/system/netns.ts";
import type { CachedAttachment } from "../node/cache.ts";
import { type HostInterface, listHostInterfaces } from "../node/host-interfaces.ts";

/** Only a namespace that is certainly gone counts: one that is unknown or unreadable is kept. */
function isNamespaceGone(path: string): boolean {
  if (path === "") return false;
  const opened = openNamespace(path);
  if (typeof opened === "string") return opened !== "denied";
  opened.close();
  return false;
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
    ...known.filter((entry) => names.has(hostInterfaceName(entry)) || !isNamespaceGone(entry.netns)),
    ...others.filter(mayBeOurs).map(wholeOwner),
  ];
}
