/**
 * Records made of what the kernel has: for attachments whose records were deleted while they live. The comment of an element
 * says whose it is, its key and value what was wanted.
 */
import { readOwner } from "../cni/attachment.ts";
import { parseObject } from "../cni/fields.ts";
import type { AttachmentKey } from "../cni/plugin.ts";
import { type Family, fromBytes } from "../ip/address.ts";
import { type Cidr, contains, hostCidr, isSameCidr, parseCidr } from "../ip/cidr.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import type { KernelElement } from "../nftables/element.ts";
import { addressTypes } from "../nftables/match.ts";
import type { KernelRule, Table } from "../nftables/message.ts";
import { allElements, rulesOf, setsIn } from "../nftables/query.ts";
import type { KernelSet } from "../nftables/set.ts";
import { decodeText } from "../system/text.ts";
import { FIREWALL_DATUM, FORWARDED_SET } from "./firewall.ts";
import { TARGET_SET } from "./hairpin.ts";
import { GROUP_PARTS, groupPart, PORT_MAP } from "./host-ports.ts";
import type { FilterContext } from "./kernel.ts";
import { chainOf, POD_SET, UNCHANGED } from "./masquerade.ts";
import {
  type Conditions,
  DEFAULT_ADMIN,
  DEFAULT_MARK_BIT,
  type FilterRecord,
  type Firewall,
  type HostPorts,
  type PortMapping,
  protocolNumbers,
  type RecordKind,
  recordName,
  transportProtocols,
} from "./record.ts";
import { parseFirewall } from "./record-text.ts";
import { bridgeTable, inetTable } from "./structure.ts";

/** Collects what belongs to one owner and kind. */
class Records {
  readonly #records = new Map<string, FilterRecord>();

  update(comment: string, kind: RecordKind, change: (record: FilterRecord) => FilterRecord): void {
    const owner: AttachmentKey | undefined = readOwner(comment);
    if (owner === undefined) return;
    const name = recordName(owner, kind);
    this.#records.set(name, change(this.#records.get(name) ?? { owner, kind, backend: "nftables" }));
  }

  get all(): FilterRecord[] {
    return [...this.#records.values()];
  }
}

/** Adds to what a record masquerades. */
function addMasquerade(
  records: Records,
  set: string,
  rules: readonly KernelRule[],
  element: KernelElement,
): void {
  const networks = rules
    .filter(({ chain }) => chain === chainOf(set))
    .flatMap(({ comment }) => parseCidr(UNCHANGED.exec(comment)?.[1] ?? "") ?? []);
  const address = fromBytes(element.key);
  const [own] = networks;
  const isSingle = /^pods[46]-.*-single(-[0-9a-f]{8})?$/.test(set);
  const cidr =
    isSingle || own === undefined ? hostCidr(address) : { address, prefixLength: own.prefixLength };
  const exceptions = isSingle ? networks : networks.slice(1);
  records.update(element.comment, "interface", (record) => {
    const { addresses = [], exceptions: others = [] } = record.masquerade ?? {};
    const further = exceptions.filter((network) => !others.some((other) => isSameCidr(other, network)));
    return {
      ...record,
      masquerade: { addresses: [...addresses, cidr], exceptions: [...others, ...further] },
    };
  });
}

const plainFirewall: Firewall = { admins: [DEFAULT_ADMIN], ingress: [] };

const noPorts: HostPorts = {
  targets: [],
  mappings: [],
  snat: false,
  masqAll: false,
  markBit: DEFAULT_MARK_BIT,
  conditions: { 4: [], 6: [] },
};

/** The port of a map's element: fields stand side by side, each in whole words of four bytes (host-ports.ts). */
function mappingOf({ key, value }: KernelElement, family: Family): PortMapping | undefined {
  const { length } = addressTypes[family];
  const protocol = transportProtocols.find((name) => protocolNumbers[name] === key[0]);
  const hasAddress = key.length > 8;
  const portAt = hasAddress ? 4 + length : 4;
  const number = (bytes: Uint8Array, at: number) => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  if (protocol === undefined) return undefined;
  return {
    protocol,
    family,
    hostPort: number(key, portAt),
    containerPort: number(value, length),
    ...(hasAddress ? { hostIp: fromBytes(key.slice(4, 4 + length)) } : {}),
  };
}

interface PortGroupData {
  readonly markBit: number;
  readonly conditions: Conditions;
}

/** The mark bit and conditions of a group of maps, from their user data. */
function groupData(sets: readonly KernelSet[], suffix: string): PortGroupData {
  const maps = sets.filter(({ name }) => PORT_MAP.test(name) && (PORT_MAP.exec(name)?.[3] ?? "") === suffix);
  const order = (["4-address", "4-any", "6-address", "6-any"] as const).slice(0, GROUP_PARTS);
  const parts = order.map((name) => maps.find((map) => map.name === `hostports${name}${suffix}`));
  const text = parts
    .map((map) => decodeText(groupPart(map?.userData ?? new Map()) ?? new Uint8Array(0)))
    .join("");
  // The usual group has no data, and neither have conditions that did not fit.
  const usual = { markBit: DEFAULT_MARK_BIT, conditions: { 4: [], 6: [] } };
  return (parseObject(text) as PortGroupData | undefined) ?? usual;
}

function addPort(records: Records, sets: readonly KernelSet[], map: string, element: KernelElement): void {
  const [, family, , suffix = ""] = PORT_MAP.exec(map) ?? [];
  const mapping = mappingOf(element, family === "6" ? 6 : 4);
  if (mapping === undefined) return;
  const { markBit, conditions } = groupData(sets, suffix);
  const target = hostCidr(fromBytes(element.value.slice(0, addressTypes[mapping.family].length)));
  records.update(element.comment, "portmap", (record) => {
    const ports = record.hostPorts ?? noPorts;
    const isKnown = ports.targets.some(({ address }) => address.family === mapping.family);
    const targets = isKnown ? ports.targets : [...ports.targets, target];
    const mappings = [...ports.mappings, mapping];
    return { ...record, hostPorts: { ...ports, markBit, conditions, targets, mappings } };
  });
}

/** The subnet of a target, and which clients get the node's address. */
function addTarget(records: Records, set: string, element: KernelElement): void {
  const [, , subnet = "", , clients] = TARGET_SET.exec(set) ?? [];
  const network = parseCidr(subnet.replaceAll("_", ":"));
  const address = fromBytes(element.key);
  if (network === undefined || !contains(network, address)) return;
  const target: Cidr = { address, prefixLength: network.prefixLength };
  records.update(element.comment, "portmap", (record) => {
    const ports = record.hostPorts ?? noPorts;
    const others = ports.targets.filter((each) => each.address.family !== address.family);
    const hostPorts = {
      ...ports,
      targets: [...others, target],
      snat: clients !== "none",
      masqAll: clients === "all",
    };
    return { ...record, hostPorts };
  });
}

function addGuardedPort(records: Records, { key, comment }: KernelElement): void {
  const port = decodeText(key.subarray(0, key.indexOf(0)));
  const mac = Array.from(key.subarray(16, 22), (byte) => byte.toString(16).padStart(2, "0")).join(":");
  records.update(comment, "interface", (record) => ({ ...record, spoofCheck: { port, mac } }));
}

/** An address of a container whose traffic is forwarded. */
function addForwarded(records: Records, { key, comment, userData }: KernelElement): void {
  const datum = userData.get(FIREWALL_DATUM);
  records.update(comment, "firewall", (record) => {
    const addresses = [...(record.addresses ?? []), hostCidr(fromBytes(key))];
    const firewall = record.firewall ?? (datum && parseFirewall(decodeText(datum))) ?? plainFirewall;
    return { ...record, addresses, firewall };
  });
}

function readTable(
  connection: NetlinkConnection,
  table: Table,
  visit: (set: KernelSet, element: KernelElement) => void,
): void {
  for (const set of setsIn(connection, table)) {
    for (const element of allElements(connection, table, set.name)) visit(set, element);
  }
}

/** Only from tables that podwire wrote itself: elements that a restored table has may be of containers that are gone. */
const isOurs = (rules: readonly KernelRule[]): boolean =>
  rules.length > 0 && rules.every(({ isSigned }) => isSigned);

/** The records of all owners in the kernel. Their namespaces are not known. */
export function recoverRecords({ connection }: FilterContext): FilterRecord[] {
  const records = new Records();
  const rules = rulesOf(connection, inetTable);
  if (isOurs(rules)) {
    const sets = setsIn(connection, inetTable);
    readTable(connection, inetTable, ({ name }, element) => {
      if (POD_SET.test(name)) addMasquerade(records, name, rules, element);
      else if (PORT_MAP.test(name)) addPort(records, sets, name, element);
      else if (TARGET_SET.test(name)) addTarget(records, name, element);
      else if (FORWARDED_SET.test(name)) addForwarded(records, element);
    });
  }
  if (isOurs(rulesOf(connection, bridgeTable))) {
    readTable(connection, bridgeTable, ({ name }, element) => {
      if (name === "allowed") addGuardedPort(records, element);
    });
  }
  return records.all;
}
