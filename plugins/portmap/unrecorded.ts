/**
 * Ports in the kernel that no record tells of: somebody has removed files of the registry. For a claim in such a
 * registry; in a complete one nobody asks the kernel.
 */
import { isAnywhere } from "../../shared/attachment/liveness.ts";
import { ownerComment, ownerText } from "../../shared/cni/attachment.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import type { Forwarding, HeldPort } from "./adaptor.ts";
import { removeEverywhere, withHeldPorts } from "./adaptors.ts";
import { conflict } from "./claims.ts";
import { describeMapping } from "./port-requests.ts";
import type { PortRecord } from "./record.ts";

type Environment = Readonly<Record<string, string>>;

/** The names an owner has in comments: that of nftables is shorter. */
const namesOf = (owner: AttachmentKey): string[] => [ownerText(owner), ownerComment(owner)];

const isAlive = ({ owner, leadsTo }: HeldPort) => isAnywhere(owner.ifname, leadsTo);

/** Those of whom something has to go for a forwarding to be made, and whether others without a record have ports yet. */
interface Plan {
  readonly removed: ReadonlyMap<string, AttachmentKey>;
  readonly isRest: boolean;
}

function planRemoval(
  { owner, mappings }: Forwarding,
  records: readonly PortRecord[],
  held: readonly HeldPort[],
): Plan {
  const recorded = new Set(records.flatMap(({ forwarding }) => namesOf(forwarding.owner)));
  const unrecorded = held.filter((port) => !recorded.has(ownerText(port.owner)));
  const own = new Set(namesOf(owner));
  const wanted = new Set(mappings.map(describeMapping));
  const isOwn = (port: HeldPort) => own.has(ownerText(port.owner));
  const inTheWay = unrecorded.filter((port) => !isOwn(port) && wanted.has(describeMapping(port)));
  for (const port of inTheWay) if (!port.isRemovable || isAlive(port)) throw conflict(port, port.owner);
  const removed = new Map(inTheWay.map((port) => [ownerText(port.owner), port.owner]));
  if (unrecorded.some(isOwn)) removed.set(ownerText(owner), owner);
  const isRest = unrecorded.some((port) => !removed.has(ownerText(port.owner)) && !isOwn(port));
  return { removed, isRest };
}

/**
 * Makes the ports of a forwarding free of those who are not recorded: throws code 7, and changes nothing, if such a one
 * lives; what is left of the dead, and of the owner itself, is removed. Returns whether others without a record have
 * ports yet.
 */
export function clearPorts(
  forwarding: Forwarding,
  records: readonly PortRecord[],
  environment: Environment,
): boolean {
  const { removed, isRest } = withHeldPorts(environment, (held) => planRemoval(forwarding, records, held));
  for (const owner of removed.values()) removeEverywhere(owner, undefined, environment);
  return isRest;
}
