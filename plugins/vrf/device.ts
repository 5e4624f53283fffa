/** The VRF device in the container. */

import { hasOwner } from "../../shared/attachment/link-alias.ts";
import { missingKind } from "../../shared/attachment/missing-kind.ts";
import { freeTables, usedTables } from "../../shared/attachment/routing-tables.ts";
import { ownerText, readOwner } from "../../shared/cni/attachment.ts";
import type { Container } from "../../shared/cni/container.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { NetlinkError } from "../../shared/netlink/error.ts";
import { deleteLink, findLink, type Link, listLinks, setLink } from "../../shared/netlink/link.ts";
import { newLink } from "../../shared/netlink/new-link.ts";
import { listRules } from "../../shared/netlink/rule.ts";
import { vrfDevice, vrfTableOf } from "../../shared/netlink/vrf.ts";
import type { Rollback } from "../../shared/rollback.ts";
import { Errno } from "../../shared/system/errno.ts";
import type { VrfConfig } from "./config.ts";

/** The reference plugin begins there, too. */
const FIRST_TABLE = 1;

export interface Device {
  readonly link: Link;
  readonly table: number;
}

/** The device of that name. Undefined without one. Throws code 999 if the name is taken, or the device has another table. */
export function findDevice(
  { netlink, namespace }: Container,
  { name, table }: VrfConfig,
): Device | undefined {
  const link = findLink(netlink, name);
  if (link === undefined) return undefined;
  const found = vrfTableOf(link);
  if (found === undefined) {
    const message = `the interface ${name} in ${namespace.path} is not a VRF, but ${link.kind || "a physical device"}`;
    throw new CniError(ErrorCode.internal, message, `give "vrfname" another name`);
  }
  if (table === undefined || table === found) return { link, table: found };
  const message = `VRF ${name} already exist with different routing table ${found}, expected ${table}`;
  throw new CniError(ErrorCode.internal, message, `give "table" the number ${found}, or remove the key`);
}

/** A table that no device, rule or route uses. */
function chooseTable(container: Container): number {
  const rules = ([4, 6] as const).flatMap((family) => listRules(container.netlink, family));
  const used = usedTables(container, rules);
  for (const link of listLinks(container.netlink)) used.add(vrfTableOf(link) ?? 0);
  return freeTables(used, 1, FIRST_TABLE)[0] ?? FIRST_TABLE;
}

function makeDevice(container: Container, undo: Rollback, config: VrfConfig, owner: AttachmentKey): Device {
  const { netlink } = container;
  const { name } = config;
  const table = config.table ?? chooseTable(container);
  undo.onFailure(() => netlink.attempt(deleteLink({ name }), Errno.ENODEV));
  try {
    // In one system call, so that a kill leaves no device without its owner.
    netlink.execute(
      newLink(vrfDevice(name, table)),
      setLink({ name }, { alias: ownerText(owner), up: true }),
    );
  } catch (thrown) {
    throw thrown instanceof NetlinkError ? missingKind("vrf", thrown) : thrown;
  }
  const made = findDevice(container, config);
  if (made !== undefined) return made;
  const message = `the interface ${name} vanished right after it was made`;
  throw new CniError(ErrorCode.tryAgainLater, message, "something else deletes interfaces there");
}

/** The device, made unless it exists, and up. Throws codes 11, 50 and 999. */
export function provideDevice(
  container: Container,
  undo: Rollback,
  config: VrfConfig,
  owner: AttachmentKey,
): Device {
  const found = findDevice(container, config);
  if (found === undefined) return makeDevice(container, undo, config, owner);
  if (!found.link.isUp) container.netlink.execute(setLink({ index: found.link.index }, { up: true }));
  return found;
}

/**
 * Removes the device if no interface is left below it, and it is known to be this container's: by its alias, or since the attachment's
 * interface was below it. The reference plugin's has no alias.
 */
export function removeDeviceIfUnused(
  { netlink }: Container,
  { index, alias }: Link,
  owner: AttachmentKey,
  hadInterface: boolean,
): void {
  if (listLinks(netlink).some(({ master }) => master === index)) return;
  // A long name is cut in both.
  const isOwn = readOwner(alias)?.containerId === readOwner(ownerText(owner))?.containerId;
  if (hadInterface ? alias === "" || hasOwner(alias) : isOwn)
    netlink.attempt(deleteLink({ index }), Errno.ENODEV);
}
