/** DEL of an attachment: all of it goes, whatever is left of the container. */
import { delegateDel } from "../cni/delegate.ts";
import { raise, runAll } from "../cni/error.ts";
import { attachmentOf, type Owned, type Request } from "../cni/plugin.ts";
import { step } from "../cni/steps.ts";
import { removeFilter } from "../filter/filter.ts";
import { needsInterface } from "./ipam.ts";
import { type RemovedLink, removeOwnedLink } from "./owned-link.ts";

/**
 * Detaches the container: removes its link, its rules, what `steps` remove, and its addresses. Tries every step. Succeeds on
 * what is gone. If the link cannot be removed, its addresses stay reserved until the next DEL.
 */
export function detach(request: Request, owned: Owned, steps: readonly (() => void)[] = []): void {
  const { environment, configuration } = request;
  const owner = attachmentOf(request);
  let link: RemovedLink | undefined;
  // Until the link is known to be gone, the container is taken to have others.
  const removeRules = () =>
    removeFilter(owner, "interface", environment, { hasSiblings: link?.hasSiblings ?? true });
  const removeAddresses = () => {
    if (configuration.ipamType !== "") delegateDel(request, configuration.ipamType);
  };
  const isEarly = needsInterface(request);
  runAll([
    ...(isEarly ? [removeAddresses] : []),
    () => {
      link = step("link", () => removeOwnedLink(request, owned.link));
    },
    ...(owned.isFiltered ? [() => step("filter", removeRules)] : []),
    ...steps,
    // Last: an address is free for others only when nothing of the old attachment is left. A link that may exist keeps its addresses.
    () => {
      if (!isEarly && link !== undefined) removeAddresses();
    },
    // The container is detached, and no second DEL would change it.
    () => runAll((link?.told ?? []).map((error) => () => raise(error))),
  ]);
}
