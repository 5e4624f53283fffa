/** What a refusal to make a link means. */
import { CniError, ErrorCode } from "../cni/error.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import type { NetlinkError } from "../netlink/error.ts";
import { probeKind } from "../netlink/new-link.ts";
import { Errno } from "../system/errno.ts";

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

/** Throws code 50 if the kernel does not have the kind, or podwire may make none. Makes nothing; the kernel loads its module. */
export function checkKind(kind: string): void {
  const netlink = new NetlinkConnection(Protocol.route);
  try {
    const refused = netlink.transact([probeKind(kind)])[0]?.error;
    if (refused?.errno === Errno.EOPNOTSUPP) throw missingKind(kind, refused);
    if (refused?.kind === "io")
      throw new CniError(ErrorCode.notAvailable, refused.message, refused.advice, refused);
  } finally {
    netlink.close();
  }
}
