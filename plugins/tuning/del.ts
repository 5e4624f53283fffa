/** DEL and GC: the interface has its former settings, for example a device that goes back to the node. Sysctls stay as they are. */
import { findChainedLink } from "../../shared/attachment/chained-link.ts";
import { type Container, openContainerIfPresent } from "../../shared/cni/container.ts";
import { CniError, ErrorCode, messageOf } from "../../shared/cni/error.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { attachmentsToKeep } from "../../shared/cni/valid-attachments.ts";
import { NetlinkError } from "../../shared/netlink/error.ts";
import type { Link } from "../../shared/netlink/link.ts";
import { collectBackups, readBackup, removeBackup } from "./backup.ts";
import { readDataDir, type Settings } from "./config.ts";
import { applySettings } from "./link.ts";

/** The kernel does not take the former settings, now or later: a second DEL would fail in the same way. */
class Refused extends CniError {}

const isFinal = (thrown: unknown): boolean =>
  thrown instanceof CniError && thrown.cause instanceof NetlinkError && thrown.cause.kind === "refused";

/** Gives each setting its former value: what the kernel refuses keeps no other from it. */
function restoreEach(container: Container, link: Link, settings: Settings): void {
  const failures: unknown[] = [];
  for (const [key, value] of Object.entries(settings)) {
    try {
      applySettings(container, link, { [key]: value });
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  if (failures.length === 0) return;
  if (!failures.every(isFinal)) throw failures.find((thrown) => !isFinal(thrown));
  throw new Refused(ErrorCode.internal, failures.map(messageOf).join("; "), "", failures[0]);
}

function restore(request: Request, settings: Settings): void {
  const container = openContainerIfPresent(request);
  if (container === undefined) return;
  try {
    const link = findChainedLink(request, container);
    if (typeof link !== "string") restoreEach(container, link, settings);
  } finally {
    container.close();
  }
}

export function del(request: Request): void {
  const dataDir = readDataDir(request.configuration.fields);
  const owner = attachmentOf(request);
  const settings = readBackup(dataDir, owner)?.settings;
  try {
    if (settings !== undefined) restore(request, settings);
  } catch (thrown) {
    // The next DEL needs the file.
    if (thrown instanceof Refused) removeBackup(dataDir, owner);
    throw thrown;
  }
  removeBackup(dataDir, owner);
}

export function gc(request: Request): void {
  const keep = attachmentsToKeep(request);
  const { fields, name } = request.configuration;
  collectBackups(readDataDir(fields), name, keep);
}
