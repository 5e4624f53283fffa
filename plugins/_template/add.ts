/** ADD: a container gets a veth pair to its node, with the addresses that IPAM gives. */
import { planAddresses } from "../../shared/attachment/addresses.ts";
import { attach } from "../../shared/attachment/attach.ts";
import { configureInterface, setParameters } from "../../shared/attachment/container-interface.ts";
import { createOnHost } from "../../shared/attachment/create-link.ts";
import type { HostChange } from "../../shared/attachment/host-change.ts";
import { allocate } from "../../shared/attachment/ipam.ts";
import { containerMac, hostMac } from "../../shared/attachment/mac.ts";
import { chooseDns, describeLink } from "../../shared/attachment/result.ts";
import { validateNameIsFree } from "../../shared/attachment/veth.ts";
import { ownerText } from "../../shared/cni/attachment.ts";
import type { Container } from "../../shared/cni/container.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { formatMac, type Link, setLink } from "../../shared/netlink/link.ts";
import { newVethPair } from "../../shared/netlink/veth.ts";
import { KIND, readTemplateConfig, type TemplateConfig } from "./config.ts";

/** The place of the container's interface in the result: host's end, container's end. */
const CONTAINER_INTERFACE = 1;

/** Makes the pair. `createOnHost` says its undo first, and gives the host's end the name by which DEL finds it. */
function createPair(
  request: Request,
  { mtu, hostUp }: TemplateConfig,
  container: Container,
  change: HostChange,
  mac: Uint8Array,
): Link {
  const owner = attachmentOf(request);
  const namespace = container.namespace.descriptor;
  const messages = (name: string) => [
    newVethPair({
      host: { name, mac: hostMac(owner) },
      container: { name: owner.ifname, mac },
      namespace,
      mtu,
    }),
    setLink({ name }, { alias: ownerText(owner), up: hostUp }),
  ];
  return createOnHost(change, { owner, kind: KIND, messages });
}

export function add(request: Request): Result {
  const config = readTemplateConfig(request);
  return attach(request, (container, change) => {
    // Everything that can be known to be wrong is an error before the first change.
    validateNameIsFree(container, request.ifname);
    const ipam = allocate(request, change.undo);
    const { ips, routes, kernelRoutes } = planAddresses(ipam, CONTAINER_INTERFACE);
    const addresses = ips.map(({ address }) => address);
    const mac = containerMac(attachmentOf(request), addresses);
    const host = createPair(request, config, container, change, mac);
    const inside = { name: request.ifname, mac: formatMac(mac), mtu: config.mtu };
    const wanted = {
      name: inside.name,
      index: host.peer,
      ips,
      routes: kernelRoutes,
      detectDuplicates: false,
    };
    setParameters(container, wanted);
    configureInterface(container, wanted);
    return {
      interfaces: [describeLink(host), describeLink(inside, request.netns)],
      ips,
      routes,
      dns: chooseDns(request, ipam),
    };
  });
}
