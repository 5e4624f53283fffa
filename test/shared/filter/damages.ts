/** What other programs may do to the rules of masquerade and of the spoof check, and what CHECK says then. */
import { moveChain } from "../../plugins/attachment/packet-filter.ts";

/** Removes the rule of a comment. */
const deleteRule = (table: string, chain: string, comment: string) =>
  `handle=$(nft -a list chain ${table} ${chain} | grep -F "\\"${comment}\\"" | head -1 | sed 's/.*handle //')
   nft delete rule ${table} ${chain} handle $handle`;
/** Puts another rule in the place of one of ours, under its comment. */
const replaceRule = (table: string, chain: string, comment: string, rule: string) =>
  `handle=$(nft -a list chain ${table} ${chain} | grep -F "\\"${comment}\\"" | head -1 | sed 's/.*handle //')
   nft "replace rule ${table} ${chain} handle $handle ${rule} comment \\"${comment}\\""`;

const forged = "drop frames with a forged source address";
const pods = "pods4-net-10.1.0.0/24-";
/** The name of the set of the first network, whose end is a hash of the exceptions. */
export const withPods = (line: string) =>
  `set=$(nft list sets | grep -o '${pods}[0-9a-f]*' | head -1); from=from\${set#pods}; ${line}`;

/** What is done, as lines of a shell; what CHECK says; and whether a CHECK of any attachment says so, or that of the owner alone. */
export const damages: readonly (readonly [string, string, RegExp])[] = [
  ["the ruleset is flushed", "nft flush ruleset", /is missing in the table inet podwire/],
  ["our table is deleted", "nft delete table inet podwire", /is missing in the table inet podwire/],
  [
    "the bridge's table is deleted",
    "nft delete table bridge podwire",
    /is missing in the table bridge podwire/,
  ],
  ["our table is emptied of rules", "nft flush table inet podwire", /is missing in the table inet podwire/],
  [
    "the bridge's table is emptied of rules",
    "nft flush table bridge podwire",
    /is missing in the table bridge/,
  ],
  [
    "a set of addresses is emptied",
    withPods("nft flush set inet podwire $set"),
    /the set pods4-\S+ is missing, or was emptied/,
  ],
  [
    "the guarded ports are emptied",
    "nft flush set bridge podwire guarded",
    /the set guarded is missing, or was emptied/,
  ],
  [
    "the allowed addresses are emptied",
    "nft flush set bridge podwire allowed",
    /the set allowed is missing, or was emptied/,
  ],
  [
    "the base chain is emptied",
    "nft flush chain inet podwire postrouting",
    /of the chain postrouting is missing/,
  ],
  [
    "a network's chain is emptied",
    withPods("nft flush chain inet podwire $from"),
    /of the chain from4-\S+ is missing/,
  ],
  [
    "the chain of the bridge is emptied",
    "nft flush chain bridge podwire prerouting",
    /forged source address" of the chain prerouting is missing/,
  ],
  [
    "a network's rule is deleted",
    withPods(
      'handle=$(nft -a list chain inet podwire postrouting | grep -F "@$set " | sed "s/.*handle //"); nft delete rule inet podwire postrouting handle $handle',
    ),
    /"pods4-\S+ leave with the node's address" of the chain postrouting is missing/,
  ],
  [
    "multicast's rule is deleted",
    deleteRule("inet podwire", "postrouting", "multicast keeps its source address (IPv6)"),
    /"multicast .*" of the chain postrouting is missing/,
  ],
  [
    "the rule of the bridge is deleted",
    deleteRule("bridge podwire", "prerouting", forged),
    /forged source address" of the chain prerouting is missing/,
  ],
  [
    "the rule of the bridge is replaced",
    replaceRule("bridge podwire", "prerouting", forged, "accept"),
    /forged source address" of the chain prerouting is changed/,
  ],
  [
    "a rule is appended",
    "nft add rule bridge podwire prerouting accept",
    /the chain prerouting has a rule too many/,
  ],
  [
    "a rule is inserted",
    "nft insert rule bridge podwire prerouting accept",
    /of the chain prerouting is changed, or out of its place/,
  ],
  [
    "a rule of masquerade is inserted",
    "nft insert rule inet podwire postrouting return",
    /of the chain postrouting is changed, or out of its place/,
  ],
  [
    "the ruleset is saved and restored",
    "nft list ruleset > /run/saved; nft flush ruleset; nft -f /run/saved",
    /is changed, or out of its place in the table inet podwire/,
  ],
  [
    "the bridge's table is saved and restored",
    "nft list table bridge podwire > /run/saved; nft delete table bridge podwire; nft -f /run/saved",
    /is changed, or out of its place in the table bridge podwire/,
  ],
  [
    "the ruleset is loaded beside what is there",
    "nft list ruleset > /run/saved; nft -f /run/saved",
    /has a rule too many/,
  ],
  [
    "the base chain is moved to another priority",
    moveChain("postrouting", "postrouting priority srcnat", "postrouting priority 5"),
    /is changed, or out of its place in the table inet podwire/,
  ],
];
