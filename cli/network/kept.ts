/** Which attachments of a network GC must not touch. */
import { hostInterfaceName } from "../../shared/cni/attachment.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { openNamespace } from "../../shared/system/netns.ts";
import type { CachedAttachment } from "../node/cache.ts";
import { type HostInterface, listHostInterfaces } from "../node/host-interfaces.ts";

/** Gone is what certainly is: a namespace that was not told, or may not be looked at, counts as there. */
function isNamespaceGone(path: string): boolean {
  if (path === "") return false;
  const opened = openNamespace(path);
  if (typeof opened === "string") return opened !== "denied";
  opened.close();
  return false;
}

function wholeOwner({ name, owner, isWhole }: HostInterface): AttachmentKey {
  if (isWhole) return owner;
  const message = `whose ${name} is cannot be told: its alias has a name that is cut, and the cache does not know it`;
  const advice = `GC would remove it; take it down first: podwire list shows it`;
  throw new CniError(ErrorCode.internal, message, advice);
}

/**
 * Those of `known` that are alive, and those that only an interface of this node tells of. Alive is what has its
 * namespace, or its host's interface, which goes with the namespace. Throws if an interface does not tell whose it is.
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
