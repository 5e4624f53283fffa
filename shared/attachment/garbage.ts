/** GC: removes what belongs to attachments that are not in cni.dev/valid-attachments. */
import { delegateGc } from "../cni/delegate.ts";
import { runAll } from "../cni/error.ts";
import type { AttachmentKey, Owned, Request } from "../cni/plugin.ts";
import { attachmentsToKeep } from "../cni/valid-attachments.ts";
import { collectFilter } from "../filter/filter.ts";
import { needsInterface } from "./ipam.ts";
import { collectOwnedLinks } from "./owned-link.ts";

/** The part of GC that only one plugin needs. */
export type Collect = (network: string, keep: readonly AttachmentKey[]) => void;

/** Collects the garbage of the request's network: links, rules, what `own` knows of, addresses, files of locks. All are tried. */
export function collectGarbage(request: Request, owned: Owned, own: Collect = () => {}): void {
  const { environment, configuration } = request;
  const { name: network, ipamType } = configuration;
  const kept = attachmentsToKeep(request);
  const collectAddresses = () => {
    if (ipamType !== "") delegateGc(request, ipamType);
  };
  const isEarly = needsInterface(request);
  runAll([
    ...(isEarly ? [collectAddresses] : []),
    () => collectOwnedLinks(owned.link, network, kept),
    () => {
      if (owned.isFiltered) collectFilter(network, kept, "interface", environment);
    },
    () => own(network, kept.attachments),
    ...(isEarly ? [] : [collectAddresses]),
  ]);
}
