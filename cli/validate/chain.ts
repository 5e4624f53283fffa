/** Checks the order of a network's plugins: each gets the result of those before it. */
import { isObject } from "../../shared/cni/fields.ts";
import type { Catalogue } from "./catalogue.ts";
import { error, type Finding, type Path, warning } from "./finding.ts";

/** Plugins that change what one before them has made (containernetworking/plugins, plugins/meta). */
const chained: readonly string[] = ["portmap", "firewall", "bandwidth", "tuning", "sbr", "vrf"];

/** Plugins of ours whose interface has no end on the node, which bandwidth could limit. */
const withoutPair: readonly string[] = ["macvlan", "ipvlan", "vlan", "host-device", "tap", "dummy"];

const typeOf = (raw: unknown): string =>
  isObject(raw) && typeof raw["type"] === "string" ? raw["type"] : "";

/** The plugins of ours that make the interface CNI_IFNAME: they have a section ipam. */
function makesInterface(type: string, catalogue: Catalogue): boolean {
  const plugin = catalogue[type];
  return plugin?.isIpam === false && Object.hasOwn(plugin.schema.properties, "ipam");
}

function misplacedIpam(raw: unknown, path: Path, catalogue: Catalogue): Finding[] {
  const type = typeOf(raw);
  const found: Finding[] = [];
  if (catalogue[type]?.isIpam === true) {
    const advice = `write it as "ipam": {"type": "${type}", ...} of the plugin that makes the interface`;
    found.push(error([...path, "type"], "is an IPAM plugin, which stands in no list", advice));
  }
  const ipam = isObject(raw) ? typeOf(raw["ipam"]) : "";
  if (catalogue[ipam]?.isIpam === false)
    found.push(
      error([...path, "ipam", "type"], `is ${ipam}, which hands out no addresses`, "such as host-local"),
    );
  return found;
}

/** The findings of one plugin, which has others before it. */
function checkPosition(type: string, before: readonly string[], path: Path, catalogue: Catalogue): Finding[] {
  const at = [...path, "type"];
  if (chained.includes(type) && before.every((each) => chained.includes(each))) {
    const message = `is ${type}, but no plugin before it makes an interface: every ADD fails without a prevResult`;
    return [error(at, message, "list it after the plugin that makes the interface, such as bridge")];
  }
  // ipvlan may take the addresses of the plugin before it: then that one makes another interface.
  if (type === "ipvlan") return [];
  const other = before.find((each) => makesInterface(each, catalogue));
  if (other === undefined || !makesInterface(type, catalogue)) return [];
  const message = `makes the container's interface, as ${other} before it does: every ADD fails`;
  return [error(at, message, "a network makes one interface: give the other a network of its own")];
}

function checkPair(type: string, before: readonly string[], path: Path): Finding[] {
  const maker = type === "bandwidth" ? before.find((each) => withoutPair.includes(each)) : undefined;
  if (maker === undefined) return [];
  const message = `is bandwidth after ${maker}, which makes no veth pair: ADD fails for a container with limits`;
  return [warning([...path, "type"], message, "take bandwidth out of this network")];
}

/** The findings of a plugin in its chain. `before`: the plugins before it. */
export function checkInChain(
  raw: unknown,
  before: readonly unknown[],
  path: Path,
  catalogue: Catalogue,
): Finding[] {
  const type = typeOf(raw);
  const types = before.map(typeOf);
  return [
    ...misplacedIpam(raw, path, catalogue),
    ...checkPosition(type, types, path, catalogue),
    ...checkPair(type, types, path),
  ];
}
