import { type Dirent, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import type { Place } from "./enter.ts";
import { otherProcesses } from "./processes.ts";

/**
 * The state of a node, one list of lines per kind, for `expect(after).toEqual(before)`. What changes by
 * itself (counters, timers, random seeds of sets) is left out.
 */
export interface Snapshot {
  readonly links: string[];
  readonly addresses: string[];
  readonly routes: string[];
  readonly rules: string[];
  readonly neighbours: string[];
  readonly iptables: string[];
  readonly ip6tables: string[];
  readonly nftables: string[];
  readonly ipsets: string[];
  readonly sysctls: string[];
  /** Files below /var/lib and /run, or the folders asked for, with their contents. */
  readonly files: string[];
  /** Command lines of what runs on the node. */
  readonly processes: string[];
}

// One shell, not a dozen: a snapshot must stay cheap enough to be taken in every test.
const commands = {
  links: "ip -j -d link",
  addresses: "ip -j address",
  routes4: "ip -j -4 route show table all",
  routes6: "ip -j -6 route show table all",
  rules4: "ip -j -4 rule",
  rules6: "ip -j -6 rule",
  neighbours: "ip -j neighbour show nud permanent; ip -j neighbour show proxy",
  iptables: "iptables-save",
  ip6tables: "ip6tables-save",
  nftables: "nft list ruleset",
  ipsets: "ipset save",
  sysctls: "grep -r . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf",
};

type Section = keyof typeof commands;

const mark = "=== ";
const script = Object.entries(commands)
  .map(([name, command]) => `echo '${mark}${name}'; ${command} 2>/dev/null`)
  .join("\n");

const sections = (output: string): Map<string, string> =>
  new Map(
    output
      .split(mark)
      .slice(1)
      .map((part): [string, string] => {
        const end = part.indexOf("\n");
        return [part.slice(0, end), part.slice(end + 1)];
      }),
  );

// Carrier comes and goes a moment after its cause, and with it what the kernel derives from it.
const volatile =
  /_timer$|^(valid|preferred)_life_time$|^expires$|^gso_|^gro_|^tso_|^stats|^operstate$|^tentative$/;
const volatileFlags = new Set(["LOWER_UP", "NO-CARRIER", "linkdown", "dead"]);

/** JSON with its keys in order and without what moves by itself. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => !volatileFlags.has(item)).map(canonical);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value)
    .filter(([key]) => !volatile.test(key))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, canonical(inner)]));
}

const parse = (text: string): object[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith("["))
    .flatMap((line) => JSON.parse(line) as object[]);

const jsonLines = (items: object[]): string[] => items.map((item) => JSON.stringify(canonical(item))).sort();

interface LinkAddresses {
  readonly ifname: string;
  readonly addr_info: readonly { readonly local?: string }[];
}

// The kernel gives link-local addresses by itself, once a link has a carrier.
const addressLines = (links: object[]): string[] =>
  jsonLines(
    (links as LinkAddresses[]).flatMap(({ ifname, addr_info }) =>
      addr_info.filter(({ local }) => !local?.startsWith("fe80:")).map((info) => ({ ...info, ifname })),
    ),
  );

/** Without the routes that the kernel keeps in table `local`: it derives them from the addresses, in its own time. */
const routeLines = (routes: object[]): string[] =>
  jsonLines(
    (routes as { dst: string; table?: string; protocol?: string }[])
      .filter(({ table, protocol }) => table !== "local" || protocol !== "kernel")
      .filter(({ dst }) => !/^(fe80:|ff00::\/8)/.test(dst)),
  );

const lines = (text: string): string[] => text.split("\n").filter((line) => line.trim() !== "");

const iptablesLines = (text: string): string[] =>
  lines(text)
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.replace(/\[\d+:\d+\]/, ""));

/** A table of podwire without any attachment: what is left for the next one, until GC or a repair. */
const isWithoutAttachment = (table: string): boolean =>
  /^table (inet|bridge) podwire /.test(table) && !table.includes("podwire network=");

/** Table by table: their order is that in which they were made, and a repair makes ours again. */
const nftLines = (text: string): string[] =>
  text
    .split(/^(?=table )/m)
    .filter((table) => !isWithoutAttachment(table))
    .sort()
    .flatMap(lines)
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.replace(/counter packets \d+ bytes \d+/g, "counter"));

const ipsetLines = (text: string): string[] =>
  lines(text)
    .map((line) => line.replace(/ initval \S+/, "").replace(/ (timeout|packets|bytes) \d+/g, ""))
    .sort();

const entriesBelow = (folder: string): Dirent[] =>
  existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : [];

/** The draft of a record that a killed process leaves, for the next one to overwrite. */
const isDraft = (line: string): boolean => /^\/run\/podwire\/filter\/\S+\/records\/\.draft: /.test(line);

/** The file of a lock of what attachments share. That of an attachment's own lock, or one with a text, is state. */
const isSharedLock = (line: string): boolean => /^\/run\/podwire\/locks\/(?!attachment-)\S+: ""$/.test(line);

const filesBelow = (root: string, folder: string): string[] =>
  entriesBelow(join(root, folder))
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(join(root, "/run/netns")) && !path.endsWith("/run/xtables.lock"))
    .map((path) => `${path.slice(root.length)}: ${fileContent(path)}`)
    .sort();

// Which address was handed out last, what the address index has seen, what the packet filter was given: they move with every call.
const remembered =
  /\/last_reserved_ip\.\d+$|\/\.podwire\/[^/]+\/state$|\/podwire\/filter\/[^/]+\/records\/(state|\.uses)$/;

function fileContent(path: string): string {
  if (remembered.test(path)) return "(what was done last)";
  try {
    return JSON.stringify(readFileSync(path, "latin1"));
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

/** See `Node.snapshot`. */
export async function takeSnapshot(
  place: Place,
  folders: readonly string[] = ["/run", "/var/lib"],
): Promise<Snapshot> {
  const { stdout } = await runCommand(place, "sh", ["-c", script], { reject: false });
  const found = sections(stdout);
  const text = (name: Section): string => found.get(name) ?? "";
  const root = `/proc/${place.pid}/root`;
  return {
    links: jsonLines(parse(text("links"))),
    addresses: addressLines(parse(text("addresses"))),
    routes: [...routeLines(parse(text("routes4"))), ...routeLines(parse(text("routes6")))],
    rules: [...jsonLines(parse(text("rules4"))), ...jsonLines(parse(text("rules6")))],
    neighbours: jsonLines(parse(text("neighbours"))),
    iptables: iptablesLines(text("iptables")),
    ip6tables: iptablesLines(text("ip6tables")),
    nftables: nftLines(text("nftables")),
    ipsets: ipsetLines(text("ipsets")),
    sysctls: lines(text("sysctls")).sort(),
    files: folders
      .flatMap((folder) => filesBelow(root, folder))
      .filter((line) => !isDraft(line) && !isSharedLock(line)),
    processes: otherProcesses(place.pid),
  };
}
