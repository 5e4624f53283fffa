/** CHECK of an interface that is in the container only. */
import { type Container, openContainer } from "../cni/container.ts";
import { delegateCheck } from "../cni/delegate.ts";
import { runAll } from "../cni/error.ts";
import { attachmentOf, type OwnedLink, type Request } from "../cni/plugin.ts";
import { requirePrevResult } from "../cni/prev-result.ts";
import type { Link } from "../netlink/link.ts";
import {
  checkAddresses,
  checkContainerLink,
  checkIsUp,
  checkRoutes,
  drift,
  findReported,
  ipsOf,
  RECREATE,
} from "./check.ts";
import { hasOwner, isAliasOf } from "./link-alias.ts";
import { resolveRoutes } from "./routes.ts";

/** A link of the reference plugin has no owner in its alias. */
function checkOwner({ name, alias }: Link, request: Request): void {
  if (!hasOwner(alias) || isAliasOf(alias, attachmentOf(request))) return;
  throw drift(`the interface ${name} belongs to another attachment: ${alias}`, RECREATE);
}

/**
 * Compares the interface, its addresses and routes with the result, and asks IPAM. `more` checks the settings of the plugin's kind.
 * Throws one error that names everything that is wrong.
 */
export function checkInside(
  request: Request,
  owned: OwnedLink,
  more: (link: Link, container: Container) => void = () => {},
): void {
  const result = requirePrevResult(request);
  const { index, reported } = findReported(result, request.ifname);
  const { ipamType } = request.configuration;
  const container = openContainer(request);
  try {
    const link = checkContainerLink(container, reported, owned);
    const ips = ipsOf(result, index);
    runAll([
      () => checkOwner(link, request),
      () => checkIsUp(link, `in ${container.namespace.path}`),
      () => more(link, container),
      () => checkAddresses(container, link, ips),
      () => checkRoutes(container, resolveRoutes(result.routes, ips)),
      () => {
        if (ipamType !== "") delegateCheck(request, ipamType);
      },
    ]);
  } finally {
    container.close();
  }
}
