/** The configuration of dhcp: where the daemon is, and the options for the server and from it. */
import { CniError, quote } from "../../shared/cni/error.ts";
import type { Fields } from "../../shared/cni/fields.ts";
import { ipamSection } from "../../shared/cni/ipam-section.ts";
import type { NetworkConfiguration } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { encodeText } from "../../shared/system/text.ts";
import type { dhcpKeys, provideKeys, requestKeys } from "./schema.ts";
import { Option } from "./wire/message.ts";

const EXAMPLE = `"ipam": {"type": "dhcp"}`;

export const DEFAULT_SOCKET = "/run/cni/dhcp.sock";

export interface DhcpConfiguration {
  readonly socketPath: string;
  /** The codes to ask for (option 55), in order. */
  readonly requested: readonly number[];
  /** Options to send, by code. */
  readonly provided: ReadonlyMap<number, Uint8Array>;
  /** The metric of all routes; 0 for the kernel's. */
  readonly priority: number;
}

/** Names of dhcp-options(5), as far as the reference plugin takes them. */
const names: Readonly<Record<string, number>> = {
  "dhcp-client-identifier": Option.clientIdentifier,
  "subnet-mask": Option.subnetMask,
  routers: Option.routers,
  "host-name": Option.hostName,
  "user-class": Option.userClass,
  "vendor-class-identifier": Option.vendorClass,
};

/** Codes that are no options, or that the protocol itself sets. */
const reserved: readonly number[] = [
  Option.pad,
  Option.requestedAddress,
  Option.overload,
  Option.messageType,
  Option.serverIdentifier,
  Option.parameterRequestList,
  Option.end,
];

function readOption(fields: Fields, text: string): number {
  const code = Object.hasOwn(names, text) ? names[text] : /^\d{1,3}$/.test(text) ? Number(text) : undefined;
  if (code === undefined || code > 255) {
    const advice = `write a number up to 254, or one of ${Object.keys(names).join(", ")}`;
    throw fields.invalid("option", `is not a DHCP option: ${quote(text)}`, advice);
  }
  if (!reserved.includes(code)) return code;
  throw fields.invalid("option", `is ${code}, which the protocol itself sets`, "remove this entry");
}

/** CNI_ARGS as the reference plugin reads them here: what is not KEY=value is ignored. */
function readArguments(args: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of args.split(";")) {
    const equals = pair.indexOf("=");
    if (equals >= 0) pairs.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  return pairs;
}

const LONGEST_VALUE = 255;

function readProvided(list: readonly Fields[], args: string): Map<number, Uint8Array> {
  const given = readArguments(args);
  const provided = new Map<number, Uint8Array>();
  for (const fields of list) {
    const keys: Keyed<typeof provideKeys> = fields;
    const code = readOption(fields, keys.text("option") ?? "");
    const key = keys.text("fromArg") ?? "";
    const text = (key === "" ? undefined : given.get(key)) ?? keys.text("value") ?? "";
    if (text === "") continue;
    const value = encodeText(text);
    if (value.length > LONGEST_VALUE)
      throw fields.invalid(
        "value",
        `has ${value.length} bytes: ${quote(text)}`,
        "an option holds 255 bytes: shorten it",
      );
    provided.set(code, value);
  }
  return provided;
}

function readRequested(list: readonly Fields[]): number[] {
  const codes: number[] = [];
  let skipsDefault = false;
  for (const fields of list) {
    const keys: Keyed<typeof requestKeys> = fields;
    if (keys.boolean("skipDefault") === true) skipsDefault = true;
    const text = keys.text("option") ?? "";
    // An entry with skipDefault alone asks for nothing.
    if (text === "" && keys.boolean("skipDefault") === true) continue;
    codes.push(readOption(fields, text));
  }
  // RFC 3442: option 121 comes before option 3, so that a server with little room sends it.
  const defaults = skipsDefault ? [] : [Option.routers, Option.subnetMask];
  return [...new Set([...codes, ...defaults])];
}

function readSocketPath(keys: Keyed<typeof dhcpKeys>): string {
  const path = keys.text("daemonSocketPath") ?? "";
  if (path === "") return DEFAULT_SOCKET;
  if (!path.startsWith("/") || path.includes("\0"))
    throw keys.invalid(
      "daemonSocketPath",
      `is not an absolute path: ${quote(path)}`,
      `such as ${DEFAULT_SOCKET}`,
    );
  // unix(7): the address of a socket has room for 107 bytes.
  if (encodeText(path).length <= 107) return path;
  throw keys.invalid(
    "daemonSocketPath",
    "has more than 107 bytes",
    "a socket's path may not be longer: shorten it",
  );
}

function readPriority(keys: Keyed<typeof dhcpKeys>): number {
  const priority = keys.integer("priority") ?? 0;
  if (priority >= 0 && priority <= 0xffffffff) return priority;
  throw keys.invalid("priority", `is ${priority}`, "a metric is a number from 0 to 4294967295");
}

const sectionOf = (configuration: NetworkConfiguration): Fields => ipamSection(configuration, EXAMPLE);

/** Where the daemon listens; the default if the configuration says nothing that can be understood: DEL works with any. */
export function socketPathOf(configuration: NetworkConfiguration): string {
  try {
    return readSocketPath(sectionOf(configuration));
  } catch (thrown) {
    if (thrown instanceof CniError) return DEFAULT_SOCKET;
    throw thrown;
  }
}

/** Plugins whose interface comes after its addresses. The reference plugin fails there, too. */
const makeInterfaceLate: readonly string[] = ["dummy", "ptp"];

/** A server is asked on the interface itself. */
function checkMain({ type }: NetworkConfiguration, section: Fields): void {
  if (!makeInterfaceLate.includes(type)) return;
  const advice = "use it with bridge, macvlan, ipvlan, vlan, host-device or tap";
  throw section.invalid("type", `is "dhcp", but ${type} makes its interface after it has addresses`, advice);
}

/** Reads and checks all keys. `args`: CNI_ARGS. Throws codes 6 and 7. */
export function readDhcp(configuration: NetworkConfiguration, args: string): DhcpConfiguration {
  const section = sectionOf(configuration);
  const keys: Keyed<typeof dhcpKeys> = section;
  checkMain(configuration, section);
  return {
    socketPath: readSocketPath(keys),
    requested: readRequested(keys.objects("request") ?? []),
    provided: readProvided(keys.objects("provide") ?? [], args),
    priority: readPriority(keys),
  };
}
