/** The claims of host ports: files of registry.ts, each a link to the record of the port's owner. */
import { isAlive } from "../../shared/attachment/liveness.ts";
import { ownerText } from "../../shared/cni/attachment.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { formatIp } from "../../shared/ip/address.ts";
import { linkToFreeName, readTextIfPresent, removeFile } from "../../shared/system/file.ts";
import { fileExists, fileStatus } from "../../shared/system/file-status.ts";
import type { HostPort, Mapping } from "./adaptor.ts";
import { CLAIMS, ownerPath } from "./places.ts";
import { describeMapping } from "./port-requests.ts";
import { type PortRecord, parseRecord } from "./record.ts";

function claimPath({ protocol, family, hostIp, hostPort }: Mapping): string {
  return `${CLAIMS}/${protocol}-${hostIp === undefined ? `any${family}` : formatIp(hostIp)}-${hostPort}`;
}

/** The record in a file; undefined if there is none, or it cannot be read. */
export function readRecord(path: string): PortRecord | undefined {
  const text = readTextIfPresent(path);
  return text === undefined ? undefined : parseRecord(text);
}

/** Whether any attachment has exactly this port. */
export function isClaimed(mapping: Mapping): boolean {
  return fileExists(claimPath(mapping));
}

/** Whether the interface the ports lead to is still there. */
export function isOwnerAlive({ forwarding, namespace }: PortRecord): boolean {
  const { owner, targets } = forwarding;
  const placement = { ifname: owner.ifname, ...(namespace === undefined ? {} : { namespace }) };
  return targets.some(({ address }) => isAlive(placement, formatIp(address)));
}

/** Reads a record once, whatever the number of its links: that of thousands of ports is long. For as long as nothing is written. */
export function recordReader(): (path: string) => PortRecord | undefined {
  const known = new Map<string, PortRecord | undefined>();
  return (path) => {
    const status = fileStatus(path);
    if (status === undefined) return undefined;
    const name = `${status.device} ${status.inode}`;
    if (!known.has(name)) known.set(name, readRecord(path));
    return known.get(name);
  };
}

const isSameOwner = (one: AttachmentKey, other: AttachmentKey) => ownerText(one) === ownerText(other);

/** Takes away those of the mappings' claims that are the owner's, or nobody's: such are of a process that was killed. */
export function dropClaims(owner: AttachmentKey, mappings: readonly Mapping[]): void {
  const read = recordReader();
  for (const mapping of mappings) {
    const path = claimPath(mapping);
    const held = read(path);
    if (held === undefined || isSameOwner(held.forwarding.owner, owner)) removeFile(path);
  }
}

/** Claims a port for an owner whose record is written. */
export function makeClaim(owner: AttachmentKey, mapping: Mapping): void {
  const path = claimPath(mapping);
  if (linkToFreeName(ownerPath(owner), path)) return;
  // Free by now, but for what is left of this very owner, or of nobody.
  dropClaims(owner, [mapping]);
  if (linkToFreeName(ownerPath(owner), path)) return;
  throw new CniError(ErrorCode.internal, `${path} belongs to another`, "remove it if its owner is gone");
}

/** Makes those claims of a record again that are lost. */
export function restoreClaims({ forwarding }: PortRecord): void {
  for (const mapping of forwarding.mappings) linkToFreeName(ownerPath(forwarding.owner), claimPath(mapping));
}

/** The dead owners of a record's ports. Throws code 7 if one lives. */
export function findDead({ forwarding }: PortRecord): PortRecord[] {
  const read = recordReader();
  const dead = new Map<string, PortRecord>();
  for (const mapping of forwarding.mappings) {
    const holder = read(claimPath(mapping));
    if (holder === undefined || isSameOwner(holder.forwarding.owner, forwarding.owner)) continue;
    const name = ownerText(holder.forwarding.owner);
    if (dead.has(name)) continue;
    if (isOwnerAlive(holder)) throw conflict(mapping, holder.forwarding.owner);
    dead.set(name, holder);
  }
  return [...dead.values()];
}

/** The refusal of a port that another has who lives. */
export function conflict(port: HostPort, owner: AttachmentKey): CniError {
  const { network, containerId, ifname } = owner;
  return new CniError(
    ErrorCode.invalidConfiguration,
    `${describeMapping(port)} is taken by the interface ${ifname} of container ${containerId} on the network ${network}`,
    "ask for another host port or another hostIP, or remove that container",
  );
}
