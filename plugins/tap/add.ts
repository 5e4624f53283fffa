/** ADD: a container gets a tap device, for a program in it such as a virtual machine. */
import { type Addresses, planAddresses } from "../../shared/attachment/addresses.ts";
import { attach } from "../../shared/attachment/attach.ts";
import { configureInterface, setParameters } from "../../shared/attachment/container-interface.ts";
import { createInside } from "../../shared/attachment/create-link.ts";
import { allocate, needsInterface } from "../../shared/attachment/ipam.ts";
import { bringUp, noAddresses } from "../../shared/attachment/lan-interface.ts";
import { containerMac } from "../../shared/attachment/mac.ts";
import { chooseDns, describeLink } from "../../shared/attachment/result.ts";
import { validateNameIsFree } from "../../shared/attachment/veth.ts";
import type { Container } from "../../shared/cni/container.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import type { Cidr } from "../../shared/ip/cidr.ts";
import { formatMac, type Link, setLink } from "../../shared/netlink/link.ts";
import type { Rollback } from "../../shared/rollback.ts";
import { findBridge } from "./bridge.ts";
import { KIND, readTapConfig, type TapConfig } from "./config.ts";
import { makeDevice } from "./make.ts";

/** Makes the device with its settings, still down. */
function make(
  request: Request,
  config: TapConfig,
  container: Container,
  undo: Rollback,
  addresses: readonly Cidr[],
): Link {
  const owner = attachmentOf(request);
  const { mtu, bridge } = config;
  const mac = config.mac ?? containerMac(owner, addresses);
  const master = findBridge(container.netlink, bridge)?.index;
  const create = (name: string) => {
    makeDevice(container, name, config, request);
    return undefined;
  };
  const made = createInside(container, undo, { owner, kind: KIND, create });
  const settings = {
    mac,
    ...(mtu === undefined ? {} : { mtu }),
    ...(master === undefined ? {} : { master }),
  };
  container.netlink.execute(setLink({ index: made.index }, settings));
  return { ...made, mac: formatMac(mac), mtu: mtu ?? made.mtu };
}

/** Sets up the interface. Nothing is detected: no frames pass until a program attaches. */
function configure(container: Container, { name, index }: Link, { ips, kernelRoutes }: Addresses): void {
  const wanted = { name, index, ips, routes: kernelRoutes, detectDuplicates: false };
  setParameters(container, wanted);
  configureInterface(container, wanted);
}

export function add(request: Request): Result {
  const config = readTapConfig(request);
  return attach(request, (container, { undo }) => {
    validateNameIsFree(container, request.ifname);
    findBridge(container.netlink, config.bridge);
    const isEarly = needsInterface(request);
    const early = isEarly ? bringUp(container, make(request, config, container, undo, [])) : undefined;
    const ipam = allocate(request, undo);
    const planned = request.configuration.ipamType === "" ? noAddresses : planAddresses(ipam, 0);
    const { ips, routes } = planned;
    const addresses = ips.map(({ address }) => address);
    const link = early ?? make(request, config, container, undo, addresses);
    if (ips.length > 0) configure(container, link, planned);
    else container.netlink.execute(setLink({ index: link.index }, { up: true }));
    return { interfaces: [describeLink(link, request.netns)], ips, routes, dns: chooseDns(request, ipam) };
  });
}
