/** Where traffic to host ports enters our table, and what is never translated. Pure. */
import { parseIp } from "../ip/address.ts";
import { type Cidr, hostCidr, parseCidr } from "../ip/cidr.ts";
import {
  Comparison,
  compare,
  counter,
  decide,
  loadDestinationKind,
  loadDirection,
  loadMeta,
  Meta,
  registerAt,
  Verdict,
} from "../nftables/expression.ts";
import { changeMark, hostOrder, matchNetwork } from "../nftables/match.ts";
import type { Rule } from "../nftables/message.ts";
import { interfaceKey } from "../nftables/set.ts";
import { beforeTracking, forwardedUntracked, LOCAL } from "../nftables/untracked.ts";
import { DEFAULT_MARK_BIT } from "./record.ts";
import { type Chain, inetTable, natHooks } from "./structure.ts";

const REGISTER = registerAt(0);

/** What a port is looked up by beside the protocol: the address too, or only the port. */
export type Precision = "address" | "any";
export const precisions: readonly Precision[] = ["address", "any"];

/** The chains that a precision is looked up from. */
export const DISPATCH = { address: "hostports-address", any: "hostports-any" } as const;

export const loopback4 = parseCidr("127.0.0.0/8") as Cidr;
const loopback6 = hostCidr(parseIp("::1") as Cidr["address"]);

/** Only traffic to the host itself is ever translated (CVE-2019-9946, CVE-2025-67499). */
const toLocalAddresses: Rule = {
  comment: "only to addresses of this host",
  expressions: [
    loadDestinationKind(REGISTER),
    compare(REGISTER, Comparison.equal, hostOrder(LOCAL)),
    decide({ code: Verdict.jump, chain: "hostports" }),
  ],
};

/** The kernel routes ::1 nowhere: services of the host that listen there stay reachable. */
const notToLoopback6: Rule = {
  comment: "::1 cannot lead to a container",
  expressions: [...matchNetwork("destination", loopback6), decide({ code: Verdict.return })],
};

/**
 * For localhost to work the kernel must route 127.0.0.0/8 to the containers' interface; a packet that comes in by it must not
 * reach the host's own services there (CVE-2020-8558).
 */
const localhostRule: Rule = {
  comment: "only this host reaches its 127.0.0.0/8",
  expressions: [
    loadMeta(Meta.iifname, REGISTER),
    compare(REGISTER, Comparison.notEqual, interfaceKey("lo")),
    ...matchNetwork("destination", loopback4),
    counter(),
    decide({ code: Verdict.drop }),
  ],
};

/**
 * Answers to this host's 127.0.0.0/8 carry the mark past what guards it (plugins/portmap/localhost.ts): with br_netfilter they have that
 * destination on the bridge already.
 */
const answerRule: Rule = {
  comment: "answers to 127.0.0.0/8",
  expressions: [
    loadMeta(Meta.iifname, REGISTER),
    compare(REGISTER, Comparison.notEqual, interfaceKey("lo")),
    ...matchNetwork("destination", loopback4),
    loadDirection(REGISTER),
    compare(REGISTER, Comparison.equal, new Uint8Array([1])),
    ...changeMark(DEFAULT_MARK_BIT, true),
  ],
};

/** The chains that all groups of ports share. */
export const entryChains: readonly Chain[] = [
  { table: inetTable, name: "prerouting", hook: natHooks.prerouting, rules: [toLocalAddresses] },
  { table: inetTable, name: "output", hook: natHooks.output, rules: [notToLoopback6, toLocalAddresses] },
  {
    table: inetTable,
    name: "hostports",
    rules: precisions.map((precision) => ({
      comment: precision === "address" ? "a specific address first" : "then any address",
      expressions: [decide({ code: Verdict.jump, chain: DISPATCH[precision] })],
    })),
  },
  {
    table: inetTable,
    name: "localhost",
    // Connection tracking gives packets of our own connections their old addresses back.
    hook: beforeTracking,
    rules: [localhostRule],
  },
  {
    table: inetTable,
    name: "localhost-answers",
    // After NF_IP_PRI_NAT_DST, where they get their destination.
    hook: { type: "filter", number: 0, priority: -90 },
    rules: [answerRule],
  },
  // An answer by a host port has the node's address too: a forged question can lead it to a peer's port of VXLAN.
  { table: inetTable, name: "hostports-vxlan", hook: beforeTracking, rules: forwardedUntracked },
];
