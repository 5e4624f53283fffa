/** ADD: a container gets a dummy interface with the addresses that IPAM gives. */
import { planAddresses } from "../../shared/attachment/addresses.ts";
import { attach } from "../../shared/attachment/attach.ts";
import { configureInterface, setParameters } from "../../shared/attachment/container-interface.ts";
import { createInside } from "../../shared/attachment/create-link.ts";
import { allocate } from "../../shared/attachment/ipam.ts";
import { containerMac } from "../../shared/attachment/mac.ts";
import { chooseDns, describeLink } from "../../shared/attachment/result.ts";
import { validateNameIsFree } from "../../shared/attachment/veth.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { newLink } from "../../shared/netlink/new-link.ts";
import { KIND, readDummyConfig } from "./config.ts";

export function add(request: Request): Result {
  const { mtu } = readDummyConfig(request);
  return attach(request, (container, { undo }) => {
    const owner = attachmentOf(request);
    const { ifname: name } = owner;
    validateNameIsFree(container, name);
    const ipam = allocate(request, undo);
    const { ips, routes, kernelRoutes } = planAddresses(ipam, 0);
    const addresses = ips.map(({ address }) => address);
    const mac = containerMac(owner, addresses);
    const create = (first: string) => newLink({ kind: KIND, name: first, mac, mtu });
    const link = createInside(container, undo, { owner, kind: KIND, create });
    const wanted = { name, index: link.index, ips, routes: kernelRoutes, detectDuplicates: false };
    setParameters(container, wanted);
    configureInterface(container, wanted);
    return { interfaces: [describeLink(link, request.netns)], ips, routes, dns: chooseDns(request, ipam) };
  });
}
