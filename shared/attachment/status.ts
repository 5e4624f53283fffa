/** STATUS: what each ADD of a plugin that makes an interface needs of the node. */
import { CniError, ErrorCode } from "../cni/error.ts";
import { checkLockFolder } from "../system/lock-status.ts";
import { openNamespace } from "../system/netns.ts";
import { checkKind } from "./missing-kind.ts";

/** Throws code 50 if podwire may enter no network namespace, asked with its own. */
export function checkEntering(): void {
  const opened = openNamespace("/proc/thread-self/ns/net");
  if (typeof opened !== "string") {
    opened.close();
    return;
  }
  throw new CniError(
    ErrorCode.notAvailable,
    "podwire may not enter network namespaces",
    "it must run as root in the node's namespaces, with CAP_SYS_ADMIN",
  );
}

/** Throws code 50 if the kernel lacks the kind of link, or podwire may make none, enter no namespace, or have no lock. Changes nothing. */
export function checkNode(kind: string): void {
  checkKind(kind);
  checkEntering();
  checkLockFolder();
}
