/** What a refusal to make a link means. */
import { CniError, ErrorCode } from "../cni/error.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import type { NetlinkError } from "../netlink/error.ts";
import { probeKind } from "../netlink/new-link.ts";
import { Errno } from "../system/errno.ts";
import { openNamespace } from "../system/netns.ts";

/** The kernel's module, where it is not called like the kind. */
const modules: Readonly<Record<string, string>> = { vlan: "8021q" };

/** Code 50 for a kind of link that the kernel does not have; any other refusal as it is. */
export function missingKind(kind: string, refused: NetlinkError): CniError | NetlinkError {
  if (refused.errno !== Errno.EOPNOTSUPP) return refused;
  const module = modules[kind] ?? kind;
  const message = `this kernel has no interfaces of the kind ${kind}`;
  const advice = `modprobe ${module} loads the module; a kernel without it has to be replaced by one that has it`;
  return new CniError(ErrorCode.notAvailable, message, advice, refused);
}

/** Throws code 50 if podwire may enter no network namespace, asked with its own. */
function checkEntering(): void {
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

/**
 * STATUS: throws if the kernel does not have the kind (code 50), or podwire may make none or enter no namespace. Makes nothing; the kernel
 * loads its module.
 */
export function checkKind(kind: string): void {
  const netlink = new NetlinkConnection(Protocol.route);
  try {
    const refused = netlink.transact([probeKind(kind)])[0]?.error;
    if (refused?.errno === Errno.EOPNOTSUPP || refused?.kind === "io") throw missingKind(kind, refused);
    checkEntering();
  } finally {
    netlink.close();
  }
}
