/** Reads a result of any version: another plugin's output, or the runtime's prevResult. */
import { type IpAddress, parseIp } from "../ip/address.ts";
import { type Cidr, networkOf, parseCidr } from "../ip/cidr.ts";
import { quote } from "./error.ts";
import { Fields, type JsonObject, parseObject } from "./fields.ts";
import type { Dns, Result, ResultInterface, ResultIp, ResultRoute } from "./result.ts";
import { type CniVersion, isAtLeast, readVersion } from "./version.ts";

/** Drops keys with the value undefined, which exact optional properties do not allow. */
function defined<Shape extends object>(entries: { [Key in keyof Shape]: Shape[Key] | undefined }): Shape {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as Shape;
}

function readIp(fields: Fields, key: string): IpAddress | undefined {
  const text = fields.text(key);
  if (text === undefined || text === "") return undefined;
  const address = parseIp(text);
  if (address === undefined)
    throw fields.invalid(
      key,
      `is not an IP address: ${quote(text)}`,
      "write one such as 10.1.0.1 or fd00::1",
    );
  return address;
}

function readCidr(fields: Fields, key: string): Cidr {
  const text = fields.text(key) ?? "";
  const cidr = parseCidr(text);
  if (cidr === undefined) {
    const advice = "an address with its prefix length is expected, such as 10.1.0.2/24";
    const problem = text === "" ? "is missing" : `is not an address in CIDR notation: ${quote(text)}`;
    throw fields.invalid(key, problem, advice);
  }
  return cidr;
}

/** A route of a result or an IPAM configuration. Throws code 6 or 7. */
export function readRoute(fields: Fields): ResultRoute {
  return defined<ResultRoute>({
    // The kernel refuses a destination with host bits.
    destination: networkOf(readCidr(fields, "dst")),
    gateway: readIp(fields, "gw"),
    mtu: fields.integer("mtu"),
    advmss: fields.integer("advmss"),
    priority: fields.integer("priority"),
    table: fields.integer("table"),
    scope: fields.integer("scope"),
  });
}

/** A `dns` object. Throws code 6. */
export function readDns(fields: Fields | undefined): Dns {
  if (fields === undefined) return {};
  return defined<Dns>({
    nameservers: fields.texts("nameservers"),
    domain: fields.text("domain"),
    search: fields.texts("search"),
    options: fields.texts("options"),
  });
}

function readInterface(fields: Fields): ResultInterface {
  return defined<ResultInterface>({
    name: fields.text("name") ?? "",
    mac: fields.text("mac"),
    mtu: fields.integer("mtu"),
    sandbox: fields.text("sandbox"),
    socketPath: fields.text("socketPath"),
    pciID: fields.text("pciID"),
  });
}

function readResultIp(fields: Fields): ResultIp {
  return defined<ResultIp>({
    address: readCidr(fields, "address"),
    gateway: readIp(fields, "gateway"),
    interface: fields.integer("interface"),
  });
}

/** ip4/ip6 of versions 0.1.0 and 0.2.0: one address per family with its own routes. */
function readOldFamilies(fields: Fields): Pick<Result, "ips" | "routes"> {
  const families = ["ip4", "ip6"].flatMap((key) => fields.object(key) ?? []);
  return {
    ips: families.map((family) =>
      defined<ResultIp>({ address: readCidr(family, "ip"), gateway: readIp(family, "gateway") }),
    ),
    routes: families.flatMap((family) => (family.objects("routes") ?? []).map(readRoute)),
  };
}

/**
 * Reads a result. `assumed` is the version of a result without one, `path` its name in errors. Throws code 1 for an
 * unknown version, 6 for a wrong type, 7 for an invalid address.
 */
export function readResult(object: JsonObject, assumed: CniVersion, path: string): Result {
  const fields = new Fields(object, path);
  const stated = fields.text("cniVersion") ?? "";
  const version = stated === "" ? assumed : readVersion(stated, path);
  const dns = readDns(fields.object("dns"));
  if (!isAtLeast(version, "0.3.0")) return { interfaces: [], ...readOldFamilies(fields), dns };
  return {
    interfaces: (fields.objects("interfaces") ?? []).map(readInterface),
    ips: (fields.objects("ips") ?? []).map(readResultIp),
    routes: (fields.objects("routes") ?? []).map(readRoute),
    dns,
  };
}

/** Parses a result that `printer` printed; undefined if it is not a JSON object. Throws like readResult. */
export function parseResult(text: string, assumed: CniVersion, printer: string): Result | undefined {
  const value = parseObject(text);
  return value === undefined ? undefined : readResult(value, assumed, `the result of ${printer}`);
}
