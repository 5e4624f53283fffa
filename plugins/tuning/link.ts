/** The settings of an interface: read, compared and changed. */

import type { Container } from "../../shared/cni/container.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { NetlinkError } from "../../shared/netlink/error.ts";
import { type Link, type LinkChange, LinkFlag, parseMac, setLink } from "../../shared/netlink/link.ts";
import { Errno } from "../../shared/system/errno.ts";
import type { Settings } from "./config.ts";

/** The settings that `wanted` names, as the interface has them. */
export function currentSettings({ mac, mtu, flags, queueLength }: Link, wanted: Settings): Settings {
  const all: Required<Settings> = {
    mac,
    mtu,
    promisc: (flags & LinkFlag.promiscuous) !== 0,
    allmulti: (flags & LinkFlag.allMulticast) !== 0,
    txQLen: queueLength,
  };
  return Object.fromEntries(Object.entries(all).filter(([key]) => key in wanted));
}

/** The settings that differ from the wanted ones. */
export function differences(link: Link, wanted: Settings): readonly (keyof Settings)[] {
  const current = currentSettings(link, wanted);
  return (Object.keys(wanted) as (keyof Settings)[]).filter((key) => current[key] !== wanted[key]);
}

function changeOf(key: keyof Settings, { mac, mtu, promisc, allmulti, txQLen }: Settings): LinkChange {
  if (key === "mac" && mac !== undefined) return { mac: parseMac(mac) ?? new Uint8Array(6) };
  if (key === "mtu" && mtu !== undefined) return { mtu };
  if (key === "promisc" && promisc !== undefined) return { promiscuous: promisc };
  if (key === "allmulti" && allmulti !== undefined) return { allMulticast: allmulti };
  return txQLen === undefined ? {} : { queueLength: txQLen };
}

function refusal(name: string, key: keyof Settings, settings: Settings, refused: NetlinkError): CniError {
  const message = `the interface ${name} does not take "${key}": ${settings[key]}`;
  const advice =
    refused.errno === Errno.EBUSY
      ? "its driver changes this only while the interface is down: set it in the plugin that makes the interface"
      : `the kernel refuses it: ${refused.message}`;
  return new CniError(ErrorCode.internal, message, advice, refused);
}

/** Changes what differs, one setting after the other, so that a refusal can name it. Throws code 999. */
export function applySettings({ netlink }: Pick<Container, "netlink">, link: Link, settings: Settings): void {
  for (const key of differences(link, settings)) {
    try {
      netlink.execute(setLink({ index: link.index }, changeOf(key, settings)));
    } catch (thrown) {
      throw thrown instanceof NetlinkError ? refusal(link.name, key, settings, thrown) : thrown;
    }
  }
}
