/** The container's side of a request: its namespace, and a netlink connection that works in it. */
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { lockNamespace } from "../system/lock.ts";
import { isOwnNamespace, type Namespace, type NamespaceFault, openNamespace } from "../system/netns.ts";
import { allowsOwnNamespace } from "./environment.ts";
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

/** Opens CNI_NETNS, for CHECK, and for an ADD that makes no interface. Throws code 8 if it cannot. */
export function openContainer({ netns }: Request): Container {
  const opened = openNamespace(netns);
  if (typeof opened === "string") throw failure(netns, opened);
  return connect(opened);
}

/**
 * Opens CNI_NETNS, for ADD: the only one at work in the container until it is closed, or its process ends. Others wait
 * for as long. Of two at once for one interface, neither would find the name taken; the second would take the pair of the
 * first for what a killed ADD has left, and whoever failed would give back the addresses of both.
 *
 * But not where it is the plugin's own (CNI_NETNS_OVERRIDE): that has the lock of lock.ts already, and would wait for itself.
 */
export function openContainerAlone(request: Request): Container {
  const container = openContainer(request);
  const { environment, netns } = request;
  if (allowsOwnNamespace(environment) && isOwnNamespace(netns)) return container;
  try {
    lockNamespace(container.namespace);
    return container;
  } catch (thrown) {
    container.close();
    throw thrown;
  }
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
