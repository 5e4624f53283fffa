/** DEL and GC: the interface has its former settings, for example a device that goes back to the node. Sysctls stay as they are. */
import { findChainedLink } from "../../shared/attachment/chained-link.ts";
import { openContainerIfPresent } from "../../shared/cni/container.ts";
import { CniError } from "../../shared/cni/error.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { attachmentsToKeep } from "../../shared/cni/valid-attachments.ts";
import { NetlinkError } from "../../shared/netlink/error.ts";
import { collectBackups, readBackup, removeBackup } from "./backup.ts";
import { readDataDir, type Settings } from "./config.ts";
import { applySettings } from "./link.ts";

function restore(request: Request, settings: Settings): void {
  const container = openContainerIfPresent(request);
  if (container === undefined) return;
  try {
    const link = findChainedLink(request, container);
    if (typeof link !== "string") applySettings(container, link, settings);
  } finally {
    container.close();
  }
}

/** The kernel does not take the former settings, now or later: a second DEL would fail in the same way. */
const isFinal = (thrown: unknown): boolean =>
  thrown instanceof CniError && thrown.cause instanceof NetlinkError && thrown.cause.kind === "refused";

export function del(request: Request): void {
  const dataDir = readDataDir(request.configuration.fields);
  const owner = attachmentOf(request);
  const settings = readBackup(dataDir, owner)?.settings;
  try {
    if (settings !== undefined) restore(request, settings);
  } catch (thrown) {
    // The next DEL needs the file.
    if (isFinal(thrown)) removeBackup(dataDir, owner);
    throw thrown;
  }
  removeBackup(dataDir, owner);
}

export function gc(request: Request): void {
  const keep = attachmentsToKeep(request);
  const { fields, name } = request.configuration;
  collectBackups(readDataDir(fields), name, keep);
}
