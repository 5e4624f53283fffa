/** The IP sets of host ports in use: one of all, one a bucket, for each family. An element's comment names its owner. */
import { readOwner } from "../../../shared/cni/alias.ts";
import { networkText, ownerText } from "../../../shared/cni/attachment.ts";
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import { bitsOf, type Family, type IpAddress } from "../../../shared/ip/address.ts";
import {
  addElement,
  deleteElement,
  type SetKey,
  setTypes,
  testElement,
} from "../../../shared/netfilter/ipset.ts";
import { deleteElements, elementsWith, isWithoutSets, makeSet } from "../../../shared/netfilter/sets.ts";
import type { NetlinkConnection } from "../../../shared/netlink/connection.ts";
import type { HostPort, Mapping } from "../adaptor.ts";
import { protocolNumbers, protocolOf } from "../protocols.ts";
import { bucketOf, bucketSet, buckets, portSet } from "./rules.ts";

const families: readonly Family[] = [4, 6];

/** What an element of this owner is found by: the last word keeps eth1 from being found in eth10. */
const ownerPart = (owner: AttachmentKey): string => `${ownerText(owner)} listens`;

/** Makes the sets of a family, those that are missing. False: this kernel has no such sets. */
export function makeSets(connection: NetlinkConnection, family: Family): readonly string[] | undefined {
  const made: string[] = [];
  for (const name of [portSet(family), ...buckets.map((bucket) => bucketSet(family, bucket))]) {
    const outcome = makeSet(connection, name, family, setTypes.services);
    if (outcome === "unable") return undefined;
    if (outcome === "made") made.push(name);
  }
  return made;
}

/** All addresses are two networks: the kernel takes none of length 0. */
function networksOf({ family, hostIp }: Mapping): { address: IpAddress; prefixLength: number }[] {
  if (hostIp !== undefined) return [{ address: hostIp, prefixLength: bitsOf(family) }];
  const upper = 1n << BigInt(bitsOf(family) - 1);
  return [0n, upper].map((value) => ({ address: { family, value }, prefixLength: 1 }));
}

function keysOf(mapping: Mapping): SetKey[] {
  const protocol = protocolNumbers[mapping.protocol];
  return networksOf(mapping).map(({ address, prefixLength }) => ({
    address,
    service: { prefixLength, protocol, port: mapping.hostPort },
  }));
}

/** The sets an element is in. */
function setsOf({ address, service }: SetKey): string[] {
  const bucket = bucketOf({ hostPort: service?.port ?? 0 });
  return [portSet(address.family), bucketSet(address.family, bucket)];
}

export function addToSets(
  connection: NetlinkConnection,
  owner: AttachmentKey,
  mappings: readonly Mapping[],
): void {
  const elements = mappings.flatMap(keysOf).map((key) => ({ ...key, comment: ownerPart(owner) }));
  connection.execute(
    ...elements.flatMap((element) => setsOf(element).map((set) => addElement(set, element))),
  );
}

/** Whether every element of the mappings is in its sets. */
export function isInSets(connection: NetlinkConnection, mappings: readonly Mapping[]): boolean {
  const questions = mappings
    .flatMap(keysOf)
    .flatMap((key) => setsOf(key).map((set) => testElement(set, key)));
  return connection.transact(questions).every(({ error }) => error === undefined);
}

/** The protocol, address and port of an element; undefined for the upper of two networks that stand for all addresses. */
function portOf({ address, service }: SetKey): HostPort | undefined {
  const protocol = protocolOf(service?.protocol);
  if (service === undefined || protocol === undefined) return undefined;
  const { family } = address;
  const port = { protocol, family, hostPort: service.port };
  if (service.prefixLength === bitsOf(family)) return { ...port, hostIp: address };
  return address.value === 0n ? port : undefined;
}

/** All ports that are in use, with the owner in the words of the comment. */
export function heldInSets(connection: NetlinkConnection): (HostPort & { owner: AttachmentKey })[] {
  if (isWithoutSets()) return [];
  const elements = families.flatMap((family) =>
    elementsWith(connection, portSet(family), "podwire network="),
  );
  return elements.flatMap((element) => {
    const owner = readOwner(element.comment);
    const port = portOf(element);
    return owner === undefined || port === undefined ? [] : [{ ...port, owner }];
  });
}

function drop(connection: NetlinkConnection, keys: readonly SetKey[]): void {
  deleteElements(
    connection,
    keys.flatMap((key) => setsOf(key).map((set) => deleteElement(set, key))),
  );
}

/** Takes out what bears the owner's name. */
export function removeOwnElements(
  connection: NetlinkConnection,
  owner: AttachmentKey,
  among: readonly Family[] = families,
): void {
  if (isWithoutSets()) return;
  const part = ownerPart(owner);
  drop(
    connection,
    among.flatMap((family) => elementsWith(connection, portSet(family), part)),
  );
}

/** Takes out what is known to be there. */
export function removeFromSets(connection: NetlinkConnection, mappings: readonly Mapping[]): void {
  if (!isWithoutSets()) drop(connection, mappings.flatMap(keysOf));
}

/** Takes out what is the network's, and none of those to keep. */
export function collectFromSets(
  connection: NetlinkConnection,
  network: string,
  keep: readonly AttachmentKey[],
): void {
  if (isWithoutSets()) return;
  const kept = new Set(keep.map(ownerPart));
  const held = families.flatMap((family) => elementsWith(connection, portSet(family), networkText(network)));
  drop(
    connection,
    held.filter(({ comment }) => !kept.has(comment)),
  );
}
