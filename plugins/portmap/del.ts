/** DEL: the host's ports no longer lead to the container. Needs no ports, no previous result and no namespace. */
import { runAll } from "../../shared/cni/error.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { removeEverywhere, removeReference } from "./adaptors.ts";
import { hasRecord, isComplete } from "./places.ts";
import { recordOf, release } from "./registry.ts";
import { forgetOwn } from "./tracked.ts";

type Environment = Readonly<Record<string, string>>;

/** Removes all that is the owner's: the record last, for whatever is left is found by it. */
export function removePorts(owner: AttachmentKey, environment: Environment): void {
  const forwarding = recordOf(owner)?.forwarding;
  if (forwarding === undefined) {
    removeUnrecorded(owner, environment);
    return;
  }
  removeEverywhere(owner, forwarding, environment);
  runAll([() => forgetOwn(forwarding), () => release(owner, environment)]);
}

/** The same without a record: most containers have no ports. */
function removeUnrecorded(owner: AttachmentKey, environment: Environment): void {
  runAll([
    () => {
      // Where all is recorded, nobody has to pay for the ports of others. A record that cannot be read tells nothing of
      // what was made.
      if (!isComplete() || hasRecord(owner)) removeEverywhere(owner, undefined, environment);
    },
    () => removeReference(owner, environment),
    // One that cannot be read: it goes when nothing has to be found by it any more.
    () => release(owner, environment),
  ]);
}
