/** The container's side of a request: its namespace, and a netlink connection that works in it. */
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { type Namespace, type NamespaceFault, openNamespace } from "../system/netns.ts";
import { CniError, ErrorCode } from "./error.ts";
import type { Request } from "./plugin.ts";

export interface Container {
  readonly namespace: Namespace;
  readonly netlink: NetlinkConnection;
  close(): void;
}

const faults: Readonly<Record<NamespaceFault, string>> = {
  missing: "there is no such file: the container has ended, or its namespace was made elsewhere",
  "not-a-namespace":
    "the file there is no network namespace: it may be what is left of one that was unmounted",
  denied: "it may not be opened: the plugin must run as root in the host's namespaces",
};

function connect(namespace: Namespace): Container {
  const netlink = namespace.run(() => new NetlinkConnection(Protocol.route));
  return {
    namespace,
    netlink,
    close: () => {
      netlink.close();
      namespace.close();
    },
  };
}

function failure(netns: string, fault: NamespaceFault): CniError {
  const message = `failed to open the network namespace ${netns}`;
  return new CniError(ErrorCode.invalidNamespace, message, faults[fault]);
}

/** Opens CNI_NETNS, for ADD and CHECK. Throws code 8 if it cannot. */
export function openContainer({ netns }: Request): Container {
  const opened = openNamespace(netns);
  if (typeof opened === "string") throw failure(netns, opened);
  return connect(opened);
}

/**
 * Opens CNI_NETNS, for DEL: undefined if it is gone, was not given, or is what is left of one. Throws code 8 if
 * that cannot be told.
 */
export function openContainerIfPresent({ netns }: { netns: string }): Container | undefined {
  if (netns === "") return undefined;
  const opened = openNamespace(netns);
  if (opened === "denied") throw failure(netns, opened);
  return typeof opened === "string" ? undefined : connect(opened);
}
