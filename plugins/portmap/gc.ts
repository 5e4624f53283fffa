/** GC: what belongs to attachments of this network that the runtime no longer knows goes, and nothing else. */
import { ownerText } from "../../shared/cni/attachment.ts";
import { runAll } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { attachmentsToKeep } from "../../shared/cni/valid-attachments.ts";
import { collectEverywhere, collectUnused } from "./adaptors.ts";
import { removePorts } from "./del.ts";
import { dropStrays, recordsOf, withAllRecords } from "./registry.ts";

/** Collects the garbage of the request's network. Every step is tried. */
export function collectPorts(request: Request): void {
  const { environment, configuration } = request;
  const keep = attachmentsToKeep(request);
  const kept = new Set(keep.map(ownerText));
  const stale = recordsOf(configuration.name)
    .map(({ forwarding }) => forwarding.owner)
    .filter((owner) => !kept.has(ownerText(owner)));
  runAll([
    ...stale.map((owner) => () => removePorts(owner, environment)),
    () => collectEverywhere(configuration.name, keep, environment),
    () => dropStrays(configuration.name, environment),
    () => withAllRecords(environment, (records) => collectUnused(records, environment)),
  ]);
}
