/**
 * The iptables rules of masquerade, as text. Pure.
 *
 * With IP sets: one set per family holds the masqueraded addresses of all networks, and a few fixed rules ask it, so
 * that neither a packet nor an ADD pays for the attachments there are. Only what leaves an address's own network is
 * masqueraded, as the reference plugins do it: hence one rule per distinct network, not per address. The fixed rules
 * stay when the last address is gone, as the bridge does; they match nothing then.
 *
 * Every rule has a comment, by which it is found again in the kernel whatever tool made it.
 */
import { type Family, formatIp } from "../../ip/address.ts";
import { type Cidr, formatCidr, isSingle, networkOf } from "../../ip/cidr.ts";

export const setNames = { 4: "podwire-masq4", 6: "podwire-masq6" } as const;
export const MASQUERADE_CHAIN = "PODWIRE-MASQ";
export const BASE_CHAIN = "POSTROUTING";

const multicast = { 4: "224.0.0.0/4", 6: "ff00::/8" } as const;

const JUMP_COMMENT = "podwire: the masqueraded addresses";
const MULTICAST_COMMENT = "podwire: multicast keeps its source address";
const OUTSIDE_COMMENT = "podwire: all else leaves with the address of this node";
const PATH_START = "podwire: inside ";

/** Its trailing words keep 10.1.0.0/2 from being found in 10.1.0.0/24. */
function pathComment(path: string): string {
  return `${PATH_START}${path} nothing changes`;
}

/** Between the two ends of a path, in its text. */
const TO = "-to-";

/** The networks of addresses, once each. A single address is no network: whatever it sends leaves it. */
export function subnetsOf(addresses: readonly Cidr[]): string[] {
  const networks = addresses.filter((cidr) => !isSingle(cidr));
  return [...new Set(networks.map((cidr) => formatCidr(networkOf(cidr))))];
}

/**
 * The paths on which addresses keep their source: inside their own networks ("10.1.0.0/24"), and from there to what
 * the configuration names ("10.1.0.0/24-to-192.168.0.0/16").
 */
export function pathsOf(addresses: readonly Cidr[], exceptions: readonly Cidr[]): string[] {
  return subnetsOf(addresses).flatMap((subnet) => [
    subnet,
    ...exceptions.map((destination) => `${subnet}${TO}${formatCidr(destination)}`),
  ]);
}

function matchPath(path: string): string {
  const [source = "", destination = source] = path.split(TO);
  return `-s ${source} -d ${destination}`;
}

/** What the nat table holds of ours: the rules of two chains in order, each as a text that has its comment in it. */
export interface NatRules {
  readonly base: readonly string[];
  readonly masquerade: readonly string[];
}

export function countJumps(rules: NatRules): number {
  return rules.base.filter((rule) => rule.includes(JUMP_COMMENT)).length;
}

/** The comment of the first rule that is missing or out of place, or undefined if all is well. */
export function missingRule(rules: NatRules, paths: readonly string[]): string | undefined {
  if (countJumps(rules) === 0) return JUMP_COMMENT;
  const outside = rules.masquerade.findIndex((rule) => rule.includes(OUTSIDE_COMMENT));
  if (outside < 0) return OUTSIDE_COMMENT;
  const exceptions = rules.masquerade.slice(0, outside);
  const wanted = [MULTICAST_COMMENT, ...paths.map(pathComment)];
  return wanted.find((comment) => !exceptions.some((rule) => rule.includes(comment)));
}

/** The paths that have a rule. */
export function heldPaths(rules: NatRules): string[] {
  return rules.masquerade.flatMap((rule) => {
    const start = rule.indexOf(PATH_START);
    return start < 0 ? [] : [rule.slice(start + PATH_START.length).split(" ", 1)[0] ?? ""];
  });
}

/** A word for iptables-restore: in double quotes, with a backslash before what ends or escapes them. */
export function quoteWord(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

export function commented(comment: string): string {
  return `-m comment --comment ${quoteWord(comment)}`;
}

/**
 * The whole input of iptables-restore --noflush. Declaring the chain empties it, so the chain is right afterwards
 * whatever was in it before; all of it takes effect in one step. `jumps`: how many there are already.
 */
export function masqueradeInput(family: Family, paths: readonly string[], jumps: number): string {
  const chain = MASQUERADE_CHAIN;
  const lines = [
    "*nat",
    `:${chain} - [0:0]`,
    `-A ${chain} -d ${multicast[family]} ${commented(MULTICAST_COMMENT)} -j RETURN`,
    ...paths.map((path) => `-A ${chain} ${matchPath(path)} ${commented(pathComment(path))} -j RETURN`),
    // Random ports, or two connections that pick the same one at the same time lose a packet.
    `-A ${chain} ${commented(OUTSIDE_COMMENT)} -j MASQUERADE --random-fully`,
  ];
  const match = `-m set --match-set ${setNames[family]} src`;
  const jump = `${BASE_CHAIN} ${match} ${commented(JUMP_COMMENT)} -j ${chain}`;
  if (jumps === 0) lines.push(`-A ${jump}`);
  // One too many comes of a plugin that was killed while its iptables-restore went on.
  for (let spare = jumps; spare > 1; spare--) lines.push(`-D ${jump}`);
  return `${lines.join("\n")}\nCOMMIT\n`;
}

/**
 * The fallback for kernels without IP sets: a chain per attachment, with a jump per address, as the reference plugins
 * do. What grows: the rules that every new connection passes, one per address on the node, and with them the time
 * that each run of iptables takes.
 */
export function ownChainInput(
  family: Family,
  chain: string,
  owner: string,
  addresses: readonly Cidr[],
  exceptions: readonly Cidr[] = [],
): string {
  const note = commented(owner);
  const inside = addresses.flatMap((cidr) =>
    [...subnetsOf([cidr]), ...exceptions.map(formatCidr)].map(
      (destination) => `-A ${chain} -s ${formatIp(cidr.address)} -d ${destination} ${note} -j RETURN`,
    ),
  );
  const jumps = addresses.map(
    ({ address }) => `-A ${BASE_CHAIN} -s ${formatIp(address)} ${note} -j ${chain}`,
  );
  const lines = [
    "*nat",
    `:${chain} - [0:0]`,
    `-A ${chain} -d ${multicast[family]} ${note} -j RETURN`,
    ...inside,
    `-A ${chain} ${note} -j MASQUERADE --random-fully`,
    ...jumps,
  ];
  return `${lines.join("\n")}\nCOMMIT\n`;
}
