/** Compares the routes and gateways of host-local with its ranges. */
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { type Family, formatIp, type IpAddress, parseIp } from "../../shared/ip/address.ts";
import { type Cidr, contains, formatCidr, parseCidr } from "../../shared/ip/cidr.ts";
import { error, type Finding, type Path, warning } from "./finding.ts";

interface FoundRange {
  readonly subnet: Cidr;
  readonly raw: JsonObject;
  readonly path: Path;
}

function rangeOf(raw: unknown, path: Path): FoundRange[] {
  const subnet = isObject(raw) && typeof raw["subnet"] === "string" ? parseCidr(raw["subnet"]) : undefined;
  return subnet === undefined || !isObject(raw) ? [] : [{ subnet, raw, path }];
}

/** The ranges of a section ipam that can be read. */
export function rangesOf(ipam: JsonObject, path: Path = []): FoundRange[] {
  const sets = Array.isArray(ipam["ranges"]) ? (ipam["ranges"] as unknown[]) : [];
  const listed = sets.flatMap((set, at) =>
    Array.isArray(set)
      ? (set as unknown[]).flatMap((raw, index) => rangeOf(raw, [...path, "ranges", at, index]))
      : [],
  );
  return [...rangeOf(ipam, path), ...listed];
}

const sampleSubnet = { 4: "10.88.0.0/16", 6: "fd00:88::/64" } as const;

function checkRoute(raw: unknown, path: Path, held: readonly Family[]): Finding[] {
  const text = isObject(raw) ? raw["dst"] : undefined;
  const family = typeof text === "string" ? parseCidr(text)?.address.family : undefined;
  if (family === undefined || held.includes(family)) return [];
  const message = `is ${String(text)}, but no range gives the container an IPv${family} address: the route leads nowhere`;
  const advice = `add a range set [{"subnet": "${sampleSubnet[family]}"}], or remove the route`;
  return [warning([...path, "dst"], message, advice)];
}

/** With isGateway the bridge has the gateway's address, so it is in the range's subnet. ADD refuses any other. */
function checkGateway({ subnet, raw, path }: FoundRange, isGateway: boolean): Finding[] {
  const gateway = typeof raw["gateway"] === "string" ? parseIp(raw["gateway"]) : undefined;
  if (!isGateway || gateway === undefined || gateway.family !== subnet.address.family) return [];
  if (contains(subnet, gateway)) return [];
  const message = `is ${formatIp(gateway)}, which is not in ${formatCidr(subnet)}: every ADD fails`;
  return [error([...path, "gateway"], message, "give an address of the subnet, or leave it out")];
}

const families: readonly Family[] = [4, 6];
/** RT_SCOPE_LINK: what is on the link needs no gateway. */
const LINK_SCOPE = 253;

/** Whether a route leads to the address without a gateway: it says that the address is on the link. */
function isOnLink(route: unknown, address: IpAddress): boolean {
  if (!isObject(route) || typeof route["dst"] !== "string" || Number(route["scope"] ?? 0) < LINK_SCOPE)
    return false;
  const destination = parseCidr(route["dst"]);
  return destination !== undefined && contains(destination, address);
}

/** The ranges of the first set of each family: routes that name no gateway go by that of the address from there. */
function firstSets(ranges: readonly FoundRange[]): FoundRange[] {
  const setOf = ({ path }: FoundRange) => path.slice(0, -1).join(".");
  return ranges.filter((range) => {
    const first = ranges.find(({ subnet }) => subnet.address.family === range.subnet.address.family);
    return first !== undefined && setOf(first) === setOf(range);
  });
}

/** The first route that goes by the gateway of its family's range. */
const routeBy = (routes: readonly unknown[], family: Family): string | undefined =>
  routes
    .filter(isObject)
    .filter((route) => (route["gw"] ?? "") === "" && Number(route["scope"] ?? 0) < LINK_SCOPE)
    .map((route) => String(route["dst"]))
    .find((destination) => parseCidr(destination)?.address.family === family);

/** A gateway of a range in no range's subnet: the kernel refuses the routes by it, and ADD fails. A ptp link leads to any gateway. */
function checkReach(ranges: readonly FoundRange[], routes: readonly unknown[]): Finding[] {
  return firstSets(ranges).flatMap(({ subnet, raw, path }) => {
    const gateway = typeof raw["gateway"] === "string" ? parseIp(raw["gateway"]) : undefined;
    const { family } = subnet.address;
    if (gateway === undefined || gateway.value === 0n || gateway.family !== family) return [];
    const route = routeBy(routes, family);
    const isReached =
      ranges.some((range) => contains(range.subnet, gateway)) ||
      routes.some((each) => isOnLink(each, gateway));
    if (route === undefined || isReached) return [];
    const text = formatIp(gateway);
    const message = `is ${text}, which is in no range's subnet, and the route to ${route} needs it: every ADD fails`;
    const advice = `give an address of the subnet, or add the route {"dst": "${text}/${family === 4 ? 32 : 128}", "scope": ${LINK_SCOPE}}`;
    return [error([...path, "gateway"], message, advice)];
  });
}

/** These keys beside `ranges` are of the older form, a range beside "type": it needs a subnet there. */
function checkOlderForm(ipam: JsonObject, path: Path): Finding[] {
  if ((ipam["subnet"] ?? "") !== "") return [];
  const keys = ["rangeStart", "rangeEnd", "gateway"].filter((key) => (ipam[key] ?? "") !== "");
  const advice = 'move it into the range, beside its "subnet"';
  return keys.map((key) => ({ ...warning([...path, key], "has no effect here", advice), isAboutKey: true }));
}

/** The findings in the addresses of one plugin. What the runtime gives, or vxlan adds, is not known. */
export function checkAddresses(raw: JsonObject, path: Path): Finding[] {
  const { ipam, capabilities, type, isGateway, isDefaultGateway } = raw;
  if (!isObject(ipam) || ipam["type"] !== "host-local") return [];
  const at = [...path, "ipam"];
  const ranges = rangesOf(ipam, at);
  const withGateway = type === "bridge" && (isGateway === true || isDefaultGateway === true);
  const routes = Array.isArray(ipam["routes"]) ? (ipam["routes"] as unknown[]) : [];
  const isSwitched = (type === "bridge" && !withGateway) || type === "dummy";
  const others = [
    ...checkOlderForm(ipam, at),
    ...(isSwitched ? checkReach(ranges, routes) : []),
    ...ranges.flatMap((range) => checkGateway(range, withGateway)),
  ];
  const isOpen = isObject(capabilities) && capabilities["ipRanges"] === true;
  if (isOpen || ranges.length === 0) return others;
  const held = families.filter((family) => ranges.some(({ subnet }) => subnet.address.family === family));
  return [...others, ...routes.flatMap((route, index) => checkRoute(route, [...at, "routes", index], held))];
}
