/** DEL and GC: the interface has its former settings, for example a device that goes back to the node. Sysctls stay as they are. */
import { openContainerIfPresent } from "../../shared/cni/container.ts";
import { runAll } from "../../shared/cni/error.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { attachmentsToKeep } from "../../shared/cni/valid-attachments.ts";
import { findLink } from "../../shared/netlink/link.ts";
import { collectBackups, readBackup, removeBackup } from "./backup.ts";
import { readDataDir, type Settings } from "./config.ts";
import { applySettings } from "./link.ts";

function restore(request: Request, settings: Settings): void {
  const container = openContainerIfPresent(request);
  if (container === undefined) return;
  try {
    const link = findLink(container.netlink, request.ifname);
    if (link !== undefined) applySettings(container, link, settings);
  } finally {
    container.close();
  }
}

export function del(request: Request): void {
  const dataDir = readDataDir(request.configuration.fields);
  const owner = attachmentOf(request);
  const settings = readBackup(dataDir, owner)?.settings;
  runAll([
    () => {
      if (settings !== undefined) restore(request, settings);
    },
    // Also where the interface does not take its former settings: a second try would not either.
    () => removeBackup(dataDir, owner),
  ]);
}

export function gc(request: Request): void {
  const keep = attachmentsToKeep(request);
  const { fields, name } = request.configuration;
  collectBackups(readDataDir(fields), name, keep);
}
