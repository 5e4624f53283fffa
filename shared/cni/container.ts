/** The container of a request: its namespace, and a netlink connection in it. */
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { type Namespace, type NamespaceProblem, openNamespace } from "../system/netns.ts";
import { CniError, ErrorCode } from "./error.ts";
import type { Request } from "./plugin.ts";

export interface Container {
  readonly namespace: Namespace;
  readonly netlink: NetlinkConnection;
  close(): void;
}

const faults: Readonly<Record<NamespaceProblem, string>> = {
  missing: "the file does not exist: the container has ended, or its namespace is on another node",
  "not-a-namespace": "the file there is not a network namespace: an unmounted namespace leaves one",
  denied: "permission denied: the plugin must run as root in the host's namespaces",
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

function failure(netns: string, problem: NamespaceProblem): CniError {
  const message = `failed to open the network namespace ${netns}`;
  return new CniError(ErrorCode.invalidNamespace, message, faults[problem]);
}

/** Opens CNI_NETNS for ADD and CHECK. Throws code 8 on failure. */
export function openContainer({ netns }: Request): Container {
  const opened = openNamespace(netns);
  if (typeof opened === "string") throw failure(netns, opened);
  return connect(opened);
}

/**
 * Opens CNI_NETNS for DEL. Undefined if it is gone, not given, or a former namespace's empty file. Throws code 8 for
 * any other error.
 */
export function openContainerIfPresent({ netns }: { netns: string }): Container | undefined {
  if (netns === "") return undefined;
  const opened = openNamespace(netns);
  if (opened === "denied") throw failure(netns, opened);
  return typeof opened === "string" ? undefined : connect(opened);
}
