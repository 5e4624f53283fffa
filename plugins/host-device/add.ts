/** ADD: moves a device of the node into the container. */
import { planAddresses } from "../../shared/attachment/addresses.ts";
import { attach } from "../../shared/attachment/attach.ts";
import { selectorText } from "../../shared/attachment/device-selector.ts";
import { allocate, needsInterface } from "../../shared/attachment/ipam.ts";
import { bringUp, configureOnLan, hasCarrier, noAddresses } from "../../shared/attachment/lan-interface.ts";
import { moveDevice } from "../../shared/attachment/moved-device.ts";
import { chooseDns, describeLink } from "../../shared/attachment/result.ts";
import { validateNameIsFree } from "../../shared/attachment/veth.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { readHostDeviceConfig } from "./config.ts";
import { isDrivenByProgram } from "./dpdk.ts";
import { findDevice } from "./find.ts";

const isBare = ({ configuration }: Request) => configuration.ipamType === "";

/** The addresses are for the program that drives the device. */
function addForProgram(request: Request): Result {
  return attach(request, (_container, { undo }) => {
    const ipam = allocate(request, undo);
    const { ips, routes } = isBare(request) ? noAddresses : planAddresses(ipam, 0);
    const interfaces = [{ name: request.ifname, sandbox: request.netns }];
    return { interfaces, ips, routes, dns: chooseDns(request, ipam) };
  });
}

export function add(request: Request): Result {
  const config = readHostDeviceConfig(request);
  if (isDrivenByProgram(config)) return addForProgram(request);
  const { selector } = config;
  return attach(request, (container, change) => {
    validateNameIsFree(container, request.ifname);
    const device = findDevice(change.netlink, selector);
    const chosen = { owner: attachmentOf(request), selector: selectorText(selector) };
    const link = moveDevice(container, change, device, chosen);
    if (needsInterface(request)) bringUp(container, link);
    const ipam = allocate(request, change.undo);
    const planned = isBare(request) ? noAddresses : planAddresses(ipam, 0);
    configureOnLan(container, link, planned, () => hasCarrier(container, link));
    const { ips, routes } = planned;
    return { interfaces: [describeLink(link, request.netns)], ips, routes, dns: chooseDns(request, ipam) };
  });
}
