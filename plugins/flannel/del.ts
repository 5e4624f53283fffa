/** DEL and GC: the delegate's, with what ADD has kept. */
import { delegateDel, delegateGc } from "../../shared/cni/delegate.ts";
import { CniError, runAll } from "../../shared/cni/error.ts";
import type { JsonObject } from "../../shared/cni/fields.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { attachmentsToKeep } from "../../shared/cni/valid-attachments.ts";
import { readDataDir, readFlannel } from "./config.ts";
import { type Delegation, delegationOf, removalKeys, roleOf, savedDelegation } from "./delegation.ts";
import { listGarbage, readSaved, removeGarbage, removeSaved } from "./saved.ts";

/** The result of ADD, by which DEL knows an interface that has no alias, as of the reference plugins. */
function previous({ configuration }: Request): JsonObject {
  const prevResult = configuration.fields.value("prevResult");
  return prevResult === undefined ? {} : { prevResult };
}

/**
 * DEL without a file, as after a reboot or a DEL that has succeeded: the configuration says how the interface was made. Only plugins of
 * ours are asked, which succeed if there is nothing; others may not.
 */
function removeAsStated(request: Request): void {
  const { configuration } = request;
  let made: Delegation;
  try {
    const keys = removalKeys(configuration, readFlannel(configuration));
    made = delegationOf(request, { ...keys, ...previous(request) });
  } catch (thrown) {
    if (!(thrown instanceof CniError)) throw thrown;
    return;
  }
  const plugin = request.builtin(made.type);
  const ipam = request.builtin(made.request.configuration.ipamType);
  if (plugin === undefined || ipam === undefined || !roleOf(request).fits(plugin)) return;
  // Without CNI_PATH, our own IPAM plugin is asked.
  plugin.del({ ...made.request, path: [] });
}

export function del(request: Request): void {
  const dataDir = readDataDir(request.configuration);
  const owner = attachmentOf(request);
  const kept = readSaved(dataDir, owner)?.raw;
  const saved = savedDelegation(request, kept && { ...kept, ...previous(request) });
  if (saved === undefined) removeAsStated(request);
  else delegateDel(saved.request, saved.type, roleOf(request));
  // The next DEL needs the file: it stays if this one has failed.
  removeSaved(dataDir, owner);
}

/** The delegates of the network: the configured one, and others that garbage names, as after a change of the configuration. */
export function gc(request: Request): void {
  const { configuration } = request;
  const keep = attachmentsToKeep(request);
  const config = readFlannel(configuration);
  const garbage = listGarbage(config.dataDir, configuration.name, keep);
  const byType = new Map([[config.type, removalKeys(configuration, config)]]);
  for (const { saved } of garbage)
    if (saved !== undefined && !byType.has(saved.type)) byType.set(saved.type, saved.raw);
  const { cniVersion, fields } = configuration;
  const list = { cniVersion, "cni.dev/valid-attachments": fields.value("cni.dev/valid-attachments") };
  const role = roleOf(request);
  runAll(
    [...byType].map(([type, raw]) => () => {
      const made = delegationOf(request, { ...raw, ...list });
      delegateGc(made.request, type, role);
    }),
  );
  removeGarbage(garbage);
}
