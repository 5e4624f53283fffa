/** Asks the kernel for a table of legacy iptables, without a process, and without making the table. */

import type { Family } from "../../ip/address.ts";
import { Errno } from "../../system/errno.ts";
import { closeFile, readTextIfPresent } from "../../system/file.ts";
import { call, SystemError, tryCall } from "../../system/libc.ts";
import { encodeText } from "../../system/text.ts";
import { type BuiltInChains, type LegacyRule, readLegacyRules } from "./legacy-table.ts";

const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;

/** Per family: the file that names the tables there are, the socket's domain and its option level. */
const families = {
  4: { names: "/proc/net/ip_tables_names", domain: 2, level: 0 },
  6: { names: "/proc/net/ip6_tables_names", domain: 10, level: 41 },
} as const;

const GET_INFO = 64;
const GET_ENTRIES = 65;

/** struct ipt_getinfo: name 32, valid_hooks 4, hook_entry 5 x 4, underflow 5 x 4, num_entries 4, size 4. */
const INFO_LENGTH = 84;
/** struct ipt_get_entries: name 32, size 4, then the entries on a boundary of eight. */
const ENTRIES_START = 40;

/** In the order of enum nf_inet_hooks; nat has no FORWARD. */
const hookChains = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"] as const;

/** The table may change between the two questions. */
const ATTEMPTS = 10;

export type LegacyTableName = "nat" | "raw";

/** The rules of the nat table; undefined if legacy iptables has none in this namespace. */
export function readLegacyNat(family: Family): LegacyRule[] | undefined {
  return readLegacyTable(family, "nat");
}

/** The rules of a table; undefined if legacy iptables does not have it in this namespace. */
export function readLegacyTable(family: Family, table: LegacyTableName): LegacyRule[] | undefined {
  const { names, domain, level } = families[family];
  // The questions below would make the table; this file only names it.
  const tables = readTextIfPresent(names)?.split("\n") ?? [];
  if (!tables.includes(table)) return undefined;
  const socket = call("socket", "for iptables", domain, SOCK_DGRAM_CLOEXEC, 0);
  try {
    return readTable(socket, level, family, table);
  } finally {
    closeFile(socket);
  }
}

function ask(socket: number, level: number, option: number, table: string, buffer: Uint8Array): number {
  buffer.set(encodeText(`${table}\0`));
  return tryCall("getsockopt", socket, level, option, buffer);
}

function readTable(socket: number, level: number, family: Family, table: string): LegacyRule[] {
  for (let attempt = 1; ; attempt++) {
    const info = new Uint8Array(INFO_LENGTH);
    const failed = ask(socket, level, GET_INFO, table, info);
    if (failed < 0) throw new SystemError("getsockopt", `the iptables ${table} table`, -failed);
    const view = new DataView(info.buffer);
    const size = view.getUint32(80, true);
    const buffer = new Uint8Array(ENTRIES_START + size);
    new DataView(buffer.buffer).setUint32(32, size, true);
    const refused = ask(socket, level, GET_ENTRIES, table, buffer);
    if (refused >= 0) return readLegacyRules(buffer.subarray(ENTRIES_START), family, builtInChains(view));
    if (refused !== -Errno.EAGAIN || attempt === ATTEMPTS) {
      throw new SystemError("getsockopt", `the iptables ${table} table`, -refused);
    }
  }
}

function builtInChains(info: DataView): BuiltInChains {
  const valid = info.getUint32(32, true);
  const chains = hookChains.map((chain, hook) => [info.getUint32(36 + 4 * hook, true), chain] as const);
  return new Map(chains.filter((_, hook) => (valid & (1 << hook)) !== 0));
}
