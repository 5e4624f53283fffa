/** DEL: the host's ports no longer lead to the container. Needs no ports, no previous result and no namespace. */
import { runAll } from "../../shared/cni/error.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { removeEverywhere, removeReference } from "./adaptors.ts";
import { isKept, recordOf, release } from "./registry.ts";
import { forgetOwn } from "./tracked.ts";

/** Removes all that is the owner's: the record last, for whatever is left is found by it. */
export function removePorts(owner: AttachmentKey, environment: Readonly<Record<string, string>>): void {
  const forwarding = recordOf(owner)?.forwarding;
  runAll([
    () => {
      // Where records are kept, nothing of ours is without one: nobody has to pay for the ports of others.
      if (forwarding !== undefined || !isKept()) removeEverywhere(owner, forwarding, environment);
    },
    () => {
      if (forwarding === undefined) removeReference(owner, environment);
    },
    () => {
      if (forwarding !== undefined) forgetOwn(forwarding);
    },
    () => release(owner, environment),
  ]);
}
