/** Checks which device host-device would move, and whether the node could do without it. */
import { isBusName, selectDevice } from "../../shared/attachment/device-selector.ts";
import { holderOf } from "../../shared/attachment/free-device.ts";
import { findUplink } from "../../shared/attachment/uplink.ts";
import { isObject } from "../../shared/cni/fields.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { type Finding, type Path, warning } from "./finding.ts";

/** In the order in which they count (plugins/host-device). */
const keys = ["device", "hwaddr", "kernelpath", "pciBusID"] as const;

function given(raw: unknown): (readonly [(typeof keys)[number], string])[] {
  if (!isObject(raw) || raw["type"] !== "host-device") return [];
  return keys.flatMap((key) => {
    const value = raw[key];
    return typeof value === "string" && value !== "" ? [[key, value] as const] : [];
  });
}

/** Keys beside the one that counts. */
export function checkSelectors(raw: unknown, path: Path): Finding[] {
  const [first, ...others] = given(raw);
  return others.map(([key]) => ({
    ...warning(
      [...path, key],
      `has no effect beside "${first?.[0]}"`,
      "one key chooses the device: remove the others",
    ),
    isAboutKey: true,
  }));
}

/** The device is not on the node, or the node needs it. */
export function checkDevice(raw: unknown, path: Path): Finding[] {
  const [first] = given(raw);
  if (first === undefined) return [];
  const [key, value] = first;
  // The reader refuses it.
  if (key === "pciBusID" && !isBusName(value)) return [];
  const host = new NetlinkConnection(Protocol.route);
  try {
    const selector = { key, value: key === "hwaddr" ? value.toLowerCase().replaceAll("-", ":") : value };
    const link = selectDevice(host, selector);
    if (link !== undefined && link.index === findUplink(host)?.index) {
      const advice =
        "name another device, unless the node is meant to lose its network with the first container";
      return [warning([...path, key], `is ${link.name}, which has the node's default route`, advice)];
    }
    if (link !== undefined || holderOf(host, selector) !== undefined) return [];
    return [
      warning([...path, key], `names no device of this node: ${value}`, "ip -d link shows those there are"),
    ];
  } finally {
    host.close();
  }
}
