/** DEL of an attachment: all of it goes, whatever is left of the container. */
import { masqueradedIn } from "../cni/alias.ts";
import { delegateDel } from "../cni/delegate.ts";
import { runAll } from "../cni/error.ts";
import { attachmentOf, type Owned, type Request } from "../cni/plugin.ts";
import { step } from "../cni/steps.ts";
import { type RemovalRequest, removeMasquerade } from "../netfilter/masquerade.ts";
import { removeOwnedLink } from "./owned-link.ts";

/** What the removal of the masquerade needs to know. */
type Remains = Pick<RemovalRequest, "hasSiblings" | "addresses">;

/** Removes the link. Returns what the removal of its masquerade needs. */
function removeLink(request: Request, { link }: Owned): Remains {
  const { alias, hasSiblings } = removeOwnedLink(request, link);
  const addresses = alias === undefined ? undefined : masqueradedIn(alias)?.map(({ address }) => address);
  return { hasSiblings, ...(addresses === undefined ? {} : { addresses }) };
}

/**
 * Detaches the container: removes its link, its masquerade, what `steps` remove, and its addresses. Tries every step. Succeeds on what
 * is gone.
 */
export function detach(request: Request, owned: Owned, steps: readonly (() => void)[] = []): void {
  const { environment, configuration } = request;
  const owner = attachmentOf(request);
  // Until the link is known to be gone, the container is taken to have others.
  let remains: Remains = { hasSiblings: true };
  const masquerade = () => removeMasquerade({ ...remains, owner, environment });
  runAll([
    () => {
      remains = step("link", () => removeLink(request, owned));
    },
    ...(owned.masquerade ? [() => step("masquerade", masquerade)] : []),
    ...steps,
    // Last: an address is free for others only when nothing of the old attachment is left.
    () => {
      if (configuration.ipamType !== "") delegateDel(request, configuration.ipamType);
    },
  ]);
}
