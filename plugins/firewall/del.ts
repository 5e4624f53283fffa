/** DEL and GC: the rules go. DEL needs no previous result, except for rules of the reference plugin. */
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { attachmentsToKeep } from "../../shared/cni/valid-attachments.ts";
import { collectFilter, removeFilter } from "../../shared/filter/filter.ts";

export function del(request: Request): void {
  const { configuration, environment } = request;
  const addresses = (configuration.prevResult?.ips ?? []).map(({ address }) => address.address);
  removeFilter(attachmentOf(request), "firewall", environment, { hasSiblings: false, addresses });
}

export function gc(request: Request): void {
  const { configuration, environment } = request;
  collectFilter(configuration.name, attachmentsToKeep(request), "firewall", environment);
}
