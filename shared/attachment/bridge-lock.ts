/** The lock of a bridge, for each plugin that makes, uses or removes one. */
import type { NetlinkConnection } from "../netlink/connection.ts";
import { namespaceName } from "../netlink/namespace-name.ts";
import type { NamedLock } from "../system/lock.ts";
import { lockLimit } from "../system/lock-wait.ts";

/** Who has it alone may change or remove the bridge. Who shares it may add a port. */
export const bridgeLock = (
  netlink: NetlinkConnection,
  bridge: string,
  environment: Readonly<Record<string, string>>,
): NamedLock => ({
  name: `bridge-${namespaceName(netlink)}-${bridge}`,
  what: `the bridge ${bridge}`,
  limitSeconds: lockLimit(environment),
});
