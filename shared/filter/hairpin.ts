/**
 * Clients of host ports whose answers would not come back through the node otherwise: the container itself, its neighbours,
 * localhost. They get the node's address. Pure.
 *
 * Only packets that carry the mark are concerned. They lose it here, before iptables sees them: its rules, ours and those of the
 * reference plugin, masquerade by the same bit. The targets of a group are one set; the number of rules grows with the
 * number of networks.
 */
import { ownerComment, shortName } from "../cni/attachment.ts";
import { toBytes } from "../ip/address.ts";
import { type Cidr, formatCidr, networkOf, parseCidr } from "../ip/cidr.ts";
import { decide, lookup, masquerade, registerAt, Verdict } from "../nftables/expression.ts";
import {
  addressTypes,
  changeMark,
  loadAddress,
  matchFamily,
  matchMark,
  matchNetwork,
} from "../nftables/match.ts";
import type { Rule } from "../nftables/message.ts";
import { portsOf } from "./host-ports.ts";
import { identifier } from "./masquerade.ts";
import { loopback4 } from "./port-entry.ts";
import type { FilterRecord, HostPorts } from "./record.ts";
import {
  type Chain,
  type Feature,
  type Group,
  type HairpinGroup,
  inetTable,
  natHooks,
  type Structure,
} from "./structure.ts";

/** The parts of a set's name: family, subnet, mark bit, clients. */
export const TARGET_SET = /^targets([46])-.*-([0-9a-f._]+\/\d+)-(\d+)-(none|subnet|all)$/;

function groupOf(network: string, target: Cidr, { snat, masqAll, markBit }: HostPorts): HairpinGroup {
  return {
    kind: "hairpin",
    family: target.address.family,
    network: shortName(network),
    subnet: formatCidr(networkOf(target)),
    markBit,
    clients: snat ? (masqAll ? "all" : "subnet") : "none",
  };
}

function setName({ family, network, subnet, markBit, clients }: HairpinGroup): string {
  return `targets${family}-${network}-${identifier(subnet)}-${markBit}-${clients}`;
}

const chainName = (group: HairpinGroup): string => setName(group).replace("targets", "hairpin");

function groupRule(group: HairpinGroup): Rule {
  return {
    comment: setName(group),
    expressions: [
      ...matchFamily(group.family),
      loadAddress("destination", group.family),
      lookup(setName(group), registerAt(0)),
      decide({ code: Verdict.goto, chain: chainName(group) }),
    ],
  };
}

function clientRules({ family, subnet, clients }: HairpinGroup): Rule[] {
  if (clients === "none") return [];
  if (clients === "all") return [{ comment: "every client (masqAll)", expressions: [masquerade()] }];
  const own = parseCidr(subnet) as Cidr;
  const fromSubnet = {
    comment: "the container itself and its neighbours",
    expressions: [...matchNetwork("source", own), masquerade()],
  };
  if (family === 6) return [fromSubnet];
  return [
    { comment: "localhost", expressions: [...matchNetwork("source", loopback4), masquerade()] },
    fromSubnet,
  ];
}

function chainOf(group: HairpinGroup): Chain {
  const { markBit } = group;
  return {
    table: inetTable,
    name: chainName(group),
    rules: [
      {
        comment: "not by a host port",
        expressions: [...matchMark(markBit, false), decide({ code: Verdict.return })],
      },
      ...clientRules(group),
      { comment: "the mark has done its work", expressions: changeMark(markBit, false) },
    ],
  };
}

function structureOf(groups: readonly Group[]): Structure {
  const own = groups.filter((group): group is HairpinGroup => group.kind === "hairpin");
  if (own.length === 0) return { sets: [], chains: [] };
  const base = {
    table: inetTable,
    name: "hostports-postrouting",
    // Before NF_IP_PRI_NAT_SRC, where iptables masquerades by the same mark.
    hook: { ...natHooks.postrouting, priority: natHooks.postrouting.priority - 1 },
  };
  return {
    sets: own.map((group) => ({
      table: inetTable,
      name: setName(group),
      key: [addressTypes[group.family]],
      comment: "containers that host ports lead to, each with its owner",
    })),
    chains: [{ ...base, rules: own.map(groupRule) }, ...own.map(chainOf)],
  };
}

const targetsOf = (ports: HostPorts): Cidr[] =>
  ports.targets.filter(({ address }) => ports.mappings.some(({ family }) => family === address.family));

const forTargets = <Value>(
  record: FilterRecord,
  make: (target: Cidr, ports: HostPorts) => Value,
): Value[] => {
  const ports = portsOf(record);
  return ports === undefined ? [] : targetsOf(ports).map((target) => make(target, ports));
};

export const hairpin: Feature = {
  kind: "hairpin",
  name: "host ports",
  advice: 'load the modules nft_chain_nat and nft_masq, or set "backend" to "iptables"',
  groupsOf: (record) => forTargets(record, (target, ports) => groupOf(record.owner.network, target, ports)),
  elementsOf: (record) =>
    forTargets(record, (target, ports) => ({
      table: inetTable,
      set: setName(groupOf(record.owner.network, target, ports)),
      element: { key: [toBytes(target.address)], comment: ownerComment(record.owner) },
      what: `the IPv${target.address.family} address of the container`,
    })),
  structureOf,
};
