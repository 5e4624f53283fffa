/** Whether attachments exist whose records were recovered from rules in the kernel, so that their namespaces are not known. */
import { ownerComment } from "../cni/attachment.ts";
import { type AttachmentKey, attachmentOf, type Request } from "../cni/plugin.ts";
import type { FilterRecord } from "../filter/record.ts";
import { formatIp, type IpAddress } from "../ip/address.ts";
import { type AddressPlace, describeNamespace, findAddress, isAlive } from "./liveness.ts";

/** The end of a name that a comment holds in part: no reservation has it. */
const isCut = ({ network, containerId }: AttachmentKey) => `${network}${containerId}`.includes("~");

/** Whether host-local has reserved one of the addresses, and none for the owner. False if that is unknown. */
function isReservedForOther(
  request: Request,
  owner: AttachmentKey,
  addresses: readonly IpAddress[],
): boolean {
  if (isCut(owner)) return false;
  const { configuration, builtin } = request;
  const { network: name, containerId, ifname } = owner;
  const asOwner = { ...request, containerId, ifname, configuration: { ...configuration, name } };
  try {
    return builtin("host-local")?.isReservedFor?.(asOwner, addresses) === false;
  } catch {
    return false;
  }
}

function addressesOf({ addresses, masquerade, hostPorts }: FilterRecord): IpAddress[] {
  const all = [addresses, masquerade?.addresses, hostPorts?.targets].flatMap((each) => each ?? []);
  return all.map(({ address }) => address);
}

/** Where the addresses of a record are, as far as the kernel and host-local tell. Throws if that is unknown. */
function placeOf(request: Request, record: FilterRecord): AddressPlace {
  const { owner, namespace } = record;
  if (ownerComment(owner) === ownerComment(attachmentOf(request))) return "own";
  const addresses = addressesOf(record);
  const texts = addresses.map(formatIp);
  if (isAlive({ owner, namespace }, texts)) return "own";
  if (namespace !== undefined) return "nowhere";
  if (isReservedForOther(request, owner, addresses)) return "other";
  const foreign = request.ifname === owner.ifname ? describeNamespace(request.netns) : undefined;
  return findAddress(owner, texts, foreign);
}

/**
 * Questions about other attachments' records, in a call for an attachment whose interface is not theirs. Rules that were saved
 * before a boot may name containers whose addresses are others' now. Both throw if the answer is unknown.
 */
export const livenessFor = (request: Request) => ({
  /** Whether the interface of a record still exists. */
  isAlive: (record: FilterRecord): boolean => placeOf(request, record) === "own",
  /** Whether a record's interface is gone, and another attachment has an address of it. */
  isReplaced: (record: FilterRecord): boolean => placeOf(request, record) === "other",
});
