/** ADD: a container gets a link of its own to the node. */
import { attach } from "../../shared/attachment/attach.ts";
import { applyFilters, validateFilter } from "../../shared/attachment/filter.ts";
import { enableForwarding } from "../../shared/attachment/forwarding.ts";
import type { HostChange } from "../../shared/attachment/host-change.ts";
import { allocate } from "../../shared/attachment/ipam.ts";
import { containerMac } from "../../shared/attachment/mac.ts";
import { chooseMtu } from "../../shared/attachment/mtu.ts";
import { chooseDns, describeLink } from "../../shared/attachment/result.ts";
import { createVeth, validateNameIsFree } from "../../shared/attachment/veth.ts";
import type { Container } from "../../shared/cni/container.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { step } from "../../shared/cni/steps.ts";
import { setLink } from "../../shared/netlink/link.ts";
import { familiesOf, planAddressing } from "./addressing.ts";
import { type PtpConfig, readPtpConfig } from "./config.ts";
import { configureContainer, configureHost, waitUntilReady } from "./link.ts";

function attachByVeth(request: Request, config: PtpConfig, container: Container, change: HostChange): Result {
  const { netlink, undo } = change;
  validateNameIsFree(container, request.ifname);
  validateFilter(request, config.masquerade);
  const ipam = allocate(request, undo);
  const plan = planAddressing(ipam);
  const owner = attachmentOf(request);
  const addresses = plan.ips.map((ip) => ip.address);
  const veth = createVeth(change, {
    owner,
    container,
    mac: containerMac(owner, addresses),
    mtu: chooseMtu(netlink, config.mtu, addresses),
    settings: (name, alias) => setLink({ name }, { alias }),
  });
  step("inside", () => configureContainer(container, veth, plan));
  step("host", () => configureHost(netlink, veth, plan));
  applyFilters(request, config, addresses, undo);
  // Late, as it is for the whole node and is not taken back.
  enableForwarding(netlink, familiesOf(plan.ips));
  waitUntilReady(netlink, container, veth);
  return {
    // The container's interface is second: CONTAINER_INTERFACE.
    interfaces: [describeLink(veth.host), describeLink(veth.container, request.netns)],
    ips: plan.ips,
    routes: ipam.routes,
    dns: chooseDns(request, ipam),
  };
}

/** Attaches the container. A failure at any step leaves everything as it was. */
export function add(request: Request): Result {
  const config = readPtpConfig(request);
  return attach(request, (container, change) => attachByVeth(request, config, container, change));
}
