/** Small plugins, each with a link of another kind, made of nothing but what shared/attachment offers to all of them. */
import { planAddresses } from "../../../../shared/attachment/addresses.ts";
import { attach } from "../../../../shared/attachment/attach.ts";
import { checkInside } from "../../../../shared/attachment/check-inside.ts";
import { configureInterface, setParameters } from "../../../../shared/attachment/container-interface.ts";
import { createInside, createOnHost } from "../../../../shared/attachment/create-link.ts";
import type { HostChange } from "../../../../shared/attachment/host-change.ts";
import { interfacePlugin } from "../../../../shared/attachment/interface-plugin.ts";
import { allocate } from "../../../../shared/attachment/ipam.ts";
import { checkKind } from "../../../../shared/attachment/missing-kind.ts";
import { moveDevice } from "../../../../shared/attachment/moved-device.ts";
import { describeLink } from "../../../../shared/attachment/result.ts";
import { validateNameIsFree } from "../../../../shared/attachment/veth.ts";
import { ownerText } from "../../../../shared/cni/attachment.ts";
import type { Container } from "../../../../shared/cni/container.ts";
import { CniError, ErrorCode } from "../../../../shared/cni/error.ts";
import { attachmentOf, type OwnedLink, type Plugin, type Request } from "../../../../shared/cni/plugin.ts";
import type { BodyWriter } from "../../../../shared/netlink/body-writer.ts";
import { findLink, type Link, setLink } from "../../../../shared/netlink/link.ts";
import { newLink } from "../../../../shared/netlink/new-link.ts";
import { runProcess } from "../../../../shared/system/process.ts";

/** The device that the configuration names with `master`, which must be on the host. */
function findMaster(request: Request, { netlink }: HostChange): Link {
  const name = request.configuration.fields.text("master") ?? "";
  const link = findLink(netlink, name);
  if (link !== undefined) return link;
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `the device ${name} is missing on the host`,
    "name another",
  );
}

type Make = (request: Request, container: Container, change: HostChange) => Link;

/** A plugin whose interface is in the container, with addresses. The last step can be made to fail by the key `fail`. */
function insidePlugin(link: OwnedLink, make: Make, status: Plugin["status"]): Plugin {
  return interfacePlugin({
    about: "is for tests",
    owns: { link, isFiltered: false },
    add: (request) =>
      attach(request, (container, change) => {
        validateNameIsFree(container, request.ifname);
        const ipam = allocate(request, change.undo);
        const { ips, routes, kernelRoutes } = planAddresses(ipam, 0);
        const { name, mac, mtu, index } = make(request, container, change);
        const wanted = { name, index, ips, routes: kernelRoutes, detectDuplicates: false };
        setParameters(container, wanted);
        configureInterface(container, wanted);
        if (request.configuration.fields.boolean("fail") === true)
          throw new CniError(ErrorCode.internal, "made to fail");
        return { interfaces: [describeLink({ name, mac, mtu }, request.netns)], ips, routes, dns: {} };
      }),
    check: (request) => checkInside(request, link),
    status,
  });
}

/** A link on top of a device of the host: macvlan, ipvlan, vlan. */
export function upperPlugin(kind: string, data?: (writer: BodyWriter) => void): Plugin {
  const make: Make = (request, container, change) => {
    const owner = attachmentOf(request);
    const parent = findMaster(request, change).index;
    const namespace = container.namespace.descriptor;
    const settings = data === undefined ? {} : { data };
    const create = (name: string) => newLink({ kind, name, parent, namespace, ...settings });
    return createInside(container, change.undo, { owner, kind, create, netlink: change.netlink });
  };
  return insidePlugin({ place: "container", kind }, make, () => checkKind(kind));
}

/** A tap device, which another program makes. */
export function tapPlugin(): Plugin {
  const kind = "tun";
  const make: Make = (request, container, { undo }) => {
    const owner = attachmentOf(request);
    const create = (name: string) => {
      const call = { arguments: ["tuntap", "add", "mode", "tap", "name", name], environment: {} };
      const input = new Uint8Array(0);
      const work = () => runProcess("/sbin/ip", { ...call, input, timeoutMilliseconds: 10_000 });
      const { exitCode } = container.namespace.run(work);
      if (exitCode !== 0) throw new CniError(ErrorCode.internal, "ip tuntap add failed");
      return undefined;
    };
    return createInside(container, undo, { owner, kind, create });
  };
  return insidePlugin({ place: "container", kind }, make, () => undefined);
}

/** A device of the host, moved. */
export function devicePlugin(): Plugin {
  const make: Make = (request, container, change) =>
    moveDevice(container, change, findMaster(request, change), {
      owner: attachmentOf(request),
      selector: "",
    });
  return insidePlugin({ place: "moved" }, make, () => undefined);
}

/** A link on the host that belongs to an attachment and has no end in the container. */
export function hostPlugin(kind: string): Plugin {
  return interfacePlugin({
    about: "is for tests",
    owns: { link: { place: "host", kind }, isFiltered: false },
    add: (request) =>
      attach(request, (_container, change) => {
        const owner = attachmentOf(request);
        const messages = (name: string) => [
          newLink({ kind, name }),
          setLink({ name }, { alias: ownerText(owner), up: true }),
        ];
        const link = createOnHost(change, { owner, kind, messages });
        if (request.configuration.fields.boolean("fail") === true)
          throw new CniError(ErrorCode.internal, "made to fail");
        return { interfaces: [describeLink(link)], ips: [], routes: [], dns: {} };
      }),
    check: () => undefined,
    status: () => checkKind(kind),
  });
}
