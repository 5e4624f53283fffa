/** A moved device that is on the host again: recognized, and made what it was. */
import { CniError, ErrorCode, messageOf } from "../cni/error.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import type { NetlinkError } from "../netlink/error.ts";
import { findLink, type Link, type LinkChange, parseMac, setLink } from "../netlink/link.ts";
import { moveLink } from "../netlink/move-link.ts";
import { Errno } from "../system/errno.ts";
import { ownNamespaceDescriptor } from "../system/netns.ts";
import type { DeviceRecord, FormerDevice } from "./device-record.ts";

/** The name of a device whose former name has been taken: the kernel's choice when a namespace ends (net/core/dev.c). */
const OTHER_NAME = "dev%d";
const isOtherName = (name: string) => /^dev\d+$/.test(name);

/** Its alias says that it was moved. */
export const isMarked = ({ alias, kind }: Link, { device }: DeviceRecord) =>
  alias === device.name && kind === device.kind;

/** The device among the links of its container, which may have renamed it, changed its MAC address or its alias. */
export function findInside(links: readonly Link[], record: DeviceRecord): Link | undefined {
  const { device, owner } = record;
  const marked = links.filter((link) => isMarked(link, record));
  const candidates = marked.length > 0 ? marked : links.filter(({ kind }) => kind === device.kind);
  const isNamed = ({ name, alias }: Link) => name === owner.ifname && (alias === "" || alias === device.name);
  const same = candidates.filter(({ mac }) => mac !== "" && mac === device.mac);
  // VLAN interfaces have the MAC address of their siblings, tunnels none.
  return same.find(isNamed) ?? same[0] ?? candidates.find(isNamed) ?? marked[0];
}

/** Hardware as the kernel returns it. The kernel deletes other kinds with their namespace. Ports of a bond share a MAC address. */
const isUnclaimed = ({ name, alias, mac, master, isLoopback }: Link, device: FormerDevice): boolean =>
  name !== device.name && alias === "" && mac !== "" && master === 0 && !isLoopback;

/** The device among the links of the host, where it came from its container. */
export function findReturned(links: readonly Link[], record: DeviceRecord): Link | undefined {
  const { device, owner } = record;
  const isSame = (link: Link) => link.mac === device.mac && link.kind === device.kind;
  // Hardware has the name that the container gave it. Other kinds come by a move only, and an alias may be the administrator's.
  const isFrom = (link: Link) =>
    device.kind === "" ||
    isSame(link) ||
    [device.name, owner.ifname].includes(link.name) ||
    isOtherName(link.name);
  const marked = links.filter((link) => isMarked(link, record) && isFrom(link));
  return (
    marked.find(isSame) ??
    marked.find(({ name }) => name !== device.name) ??
    marked[0] ??
    // The container took the alias away. Hardware alone has a MAC address of its own: VLAN interfaces share one.
    links.find((link) => device.kind === "" && isSame(link) && isUnclaimed(link, device))
  );
}

/** The settings that the container has changed. */
function changedSettings(link: Link, { mac, mtu }: FormerDevice): LinkChange[] {
  const bytes = parseMac(mac);
  return [
    ...(link.mac === mac || bytes === undefined ? [] : [{ mac: bytes }]),
    ...(link.mtu === mtu ? [] : [{ mtu }]),
  ];
}

/** Gives a link the name, or says who has it. A name that the kernel chose stays then. */
function rename(
  host: NetlinkConnection,
  { index, name }: Link,
  { name: former, alias }: FormerDevice,
): CniError | undefined {
  const change = (to: string) => {
    const message = to === name ? setLink({ index }, { alias }) : moveLink(index, { name: to, alias });
    return host.attempt(message, Errno.EEXIST, Errno.ENODEV)?.errno;
  };
  if (change(former) !== Errno.EEXIST) return undefined;
  change(isOtherName(name) ? name : OTHER_NAME);
  const kind = findLink(host, former)?.kind ?? "";
  const message = `the device ${former} came back under another name: an interface ${former} exists by now${kind === "" ? "" : ` (${kind})`}`;
  const advice = `rename that one, then the device: ip link set NAME name ${former}; its container is detached`;
  return new CniError(ErrorCode.internal, message, advice);
}

function refusedSetting({ name }: FormerDevice, change: LinkChange, refused: NetlinkError): CniError {
  const [key] = Object.keys(change);
  const message = `the device ${name} is back, but does not take its former ${key}: ${messageOf(refused)}`;
  return new CniError(ErrorCode.internal, message, "set it with ip link; the container is detached", refused);
}

/**
 * Makes a device on the host what it was: MAC address, MTU, name and alias. It is down then unless it was not moved. Returns what could not
 * be done, which no second try would change.
 */
export function restoreDevice(host: NetlinkConnection, link: Link, device: FormerDevice): CniError[] {
  const { index } = link;
  const changes = changedSettings(link, device);
  const mustBeDown = link.isUp && (changes.length > 0 || link.name !== device.name);
  // Some drivers change no MAC address of an interface that is up, and kernels before 6.2 no name.
  if (mustBeDown) host.attempt(setLink({ index }, { up: false }), Errno.ENODEV);
  const refusals = changes.flatMap((change) => {
    const refused = host.transact([setLink({ index }, change)])[0]?.error;
    if (refused === undefined || refused.errno === Errno.ENODEV) return [];
    if (refused.kind === "passing") throw refused;
    return [refusedSetting(device, change, refused)];
  });
  const renamed = rename(host, link, device);
  return renamed === undefined ? refusals : [renamed, ...refusals];
}

/** Moves a device to the host. Its alias stays until it is what it was, so that a second try finds it. */
export function moveToHost(
  { netlink }: { readonly netlink: NetlinkConnection },
  { index }: Link,
  { name }: FormerDevice,
): void {
  const namespace = ownNamespaceDescriptor();
  const move = (to: string) => moveLink(index, { namespace, name: to, alias: name });
  const refused = netlink.attempt(move(name), Errno.EEXIST, Errno.ENODEV);
  // If it was not moved, both names are taken on the host. If it was, the index is not found here any more.
  if (refused?.errno === Errno.EEXIST) netlink.attempt(move(OTHER_NAME), Errno.ENODEV);
}
