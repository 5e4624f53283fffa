/**
 * Host ports: traffic to a port of the node leads to a container. Pure.
 *
 * Two maps a family lead from protocol and port, and from protocol, address and port, to the container; so neither a packet
 * nor an ADD pays for the ports that exist. Ports with other conditions or another mark bit have maps and chains of their
 * own: a port group. A specific address is looked up in all groups before any address is.
 *
 * A translated packet carries the mark until it leaves (hairpin.ts). A packet that kube-proxy sends to the same container does
 * not, and is never masqueraded.
 */
import { ownerComment } from "../cni/attachment.ts";
import { type Family, toBytes } from "../ip/address.ts";
import {
  decide,
  Header,
  loadMeta,
  loadPayload,
  lookupValue,
  Meta,
  registerAt,
  translateDestination,
  Verdict,
} from "../nftables/expression.ts";
import { addressTypes, changeMark, familyNumbers, loadAddress, matchFamily } from "../nftables/match.ts";
import type { Rule } from "../nftables/message.ts";
import { dataTypes } from "../nftables/set.ts";
import type { UserDatum } from "../nftables/user-data.ts";
import { sha512 } from "../system/hash.ts";
import { encodeText } from "../system/text.ts";
import { compileConditions } from "./conditions.ts";
import { DISPATCH, entryChains, type Precision, precisions } from "./port-entry.ts";
import {
  DEFAULT_MARK_BIT,
  type FilterRecord,
  type HostPorts,
  type PortMapping,
  protocolNumbers,
  targetOf,
} from "./record.ts";
import {
  type Chain,
  type Feature,
  type Group,
  inetTable,
  type PlacedElement,
  type PlacedSet,
  type PortGroup,
  type Structure,
} from "./structure.ts";

const families: readonly Family[] = [4, 6];
const REGISTER = registerAt(0);

export const PORT_MAP = /^hostports([46])-(address|any)(-[0-9a-f]{8})?$/;

/** What the names of a group's maps and chains end in: nothing for the usual group. */
function suffixOf({ markBit, conditions }: PortGroup): string {
  const isUsual = markBit === DEFAULT_MARK_BIT && conditions[4].length === 0 && conditions[6].length === 0;
  return isUsual ? "" : `-${sha512(JSON.stringify([markBit, conditions[4], conditions[6]])).slice(0, 8)}`;
}

const mapName = (family: Family, precision: Precision, suffix: string): string =>
  `hostports${family}-${precision}${suffix}`;
const chainName = (precision: Precision, suffix: string): string => `to-${precision}${suffix}`;

/**
 * The group in user data of its maps, in four parts: for records that are recovered from the kernel. Numbers in the range that
 * libnftnl leaves free. A group of more than 640 characters do not fit, and are not recovered.
 */
const GROUP_DATUM = 0x67;
const PART = 160;
export const GROUP_PARTS = 4;

function groupDatum(group: PortGroup, part: number): UserDatum[] {
  const text = JSON.stringify(group);
  if (suffixOf(group) === "" || text.length > GROUP_PARTS * PART) return [];
  return [{ type: GROUP_DATUM, value: encodeText(text.slice(part * PART, (part + 1) * PART)) }];
}

export const groupPart = (userData: ReadonlyMap<number, Uint8Array>): Uint8Array | undefined =>
  userData.get(GROUP_DATUM);

/** The maps of a group. */
function mapsOf(group: PortGroup): PlacedSet[] {
  const suffix = suffixOf(group);
  const { transportProtocol: protocol, port } = dataTypes;
  return families.flatMap((family, index): PlacedSet[] => {
    const address = addressTypes[family];
    const shared = { table: inetTable, value: [address, port] };
    return [
      {
        ...shared,
        name: mapName(family, "address", suffix),
        key: [protocol, address, port],
        comment: "ports of one address of the host, and where they lead",
        extra: groupDatum(group, 2 * index),
      },
      {
        ...shared,
        name: mapName(family, "any", suffix),
        key: [protocol, port],
        comment: "ports of the host, and where they lead",
        extra: groupDatum(group, 2 * index + 1),
      },
    ];
  });
}

/** The rule that leads to the container: the key's fields side by side, then the value's in their place. */
function translation(family: Family, precision: Precision, suffix: string): Rule {
  const { length } = addressTypes[family];
  const portAt = registerAt(precision === "address" ? 4 + length : 4);
  return {
    comment: `by protocol${precision === "address" ? ", address" : ""} and port (IPv${family})`,
    expressions: [
      ...matchFamily(family),
      loadMeta(Meta.transportProtocol, REGISTER),
      ...(precision === "address" ? [loadAddress("destination", family, registerAt(4))] : []),
      // The destination port, at the same place in the headers of TCP, UDP and SCTP.
      loadPayload(Header.transport, 2, 2, portAt),
      lookupValue(mapName(family, precision, suffix), REGISTER),
      translateDestination(familyNumbers[family], REGISTER, registerAt(length)),
    ],
  };
}

/** The chain that looks ports up, and marks what it translates. */
function lookupChain(group: PortGroup, precision: Precision): Chain {
  const suffix = suffixOf(group);
  return {
    table: inetTable,
    name: chainName(precision, suffix),
    rules: [
      { comment: "a packet that is found carries the mark", expressions: changeMark(group.markBit, true) },
      ...families.map((family) => translation(family, precision, suffix)),
      { comment: "a packet that is not found does not", expressions: changeMark(group.markBit, false) },
    ],
  };
}

/** The rules that send packets which meet the conditions to a group's chain. */
function dispatchRules(group: PortGroup, precision: Precision): Rule[] {
  const { conditions } = group;
  const suffix = suffixOf(group);
  const verdict = decide({ code: Verdict.jump, chain: chainName(precision, suffix) });
  if (conditions[4].length === 0 && conditions[6].length === 0) {
    return [{ comment: `hostports${suffix}: unconditional`, expressions: [verdict] }];
  }
  return families.flatMap((family) =>
    compileConditions(family, conditions[family]).map((matches, index) => ({
      comment: `hostports${suffix}: conditions of IPv${family}, number ${index + 1}`,
      expressions: [...matchFamily(family), ...matches, verdict],
    })),
  );
}

function structureOf(groups: readonly Group[]): Structure {
  const own = groups.filter((group): group is PortGroup => group.kind === "ports");
  if (own.length === 0) return { sets: [], chains: [] };
  return {
    sets: own.flatMap(mapsOf),
    chains: [
      ...entryChains,
      ...precisions.map((precision) => ({
        table: inetTable,
        name: DISPATCH[precision],
        rules: own.flatMap((group) => dispatchRules(group, precision)),
      })),
      ...own.flatMap((group) => precisions.map((precision) => lookupChain(group, precision))),
    ],
  };
}

const portBytes = (port: number) => new Uint8Array([port >> 8, port & 0xff]);

function mappingElement(ports: HostPorts, mapping: PortMapping, comment: string): PlacedElement[] {
  const { protocol, family, hostIp, hostPort, containerPort } = mapping;
  const target = targetOf(ports, mapping);
  if (target === undefined) return [];
  return [
    {
      table: inetTable,
      set: mapName(family, hostIp === undefined ? "any" : "address", suffixOf({ kind: "ports", ...ports })),
      element: {
        key: [
          new Uint8Array([protocolNumbers[protocol]]),
          ...(hostIp === undefined ? [] : [toBytes(hostIp)]),
          portBytes(hostPort),
        ],
        value: [toBytes(target.address), portBytes(containerPort)],
        comment,
      },
      what: `host port ${hostPort}/${protocol} (IPv${family})`,
    },
  ];
}

export const portsOf = ({ backend, hostPorts }: FilterRecord): HostPorts | undefined =>
  backend === "nftables" ? hostPorts : undefined;

export const hostPorts: Feature = {
  kind: "ports",
  name: "host ports",
  advice:
    'load the modules nft_chain_nat, nft_nat, nft_masq and nft_fib_inet (Linux 5.2 or newer), or install the package "iptables" and set "backend" to "iptables"',
  groupsOf: (record) => {
    const ports = portsOf(record);
    if (ports === undefined) return [];
    const { markBit, conditions } = ports;
    return [{ kind: "ports", markBit, conditions: { 4: conditions[4], 6: conditions[6] } }];
  },
  elementsOf: (record) => {
    const ports = portsOf(record);
    const comment = ownerComment(record.owner);
    return ports === undefined
      ? []
      : ports.mappings.flatMap((mapping) => mappingElement(ports, mapping, comment));
  },
  structureOf,
};
