/** Routing rules: which table routes a packet (ip-rule(8)). Constants: include/uapi/linux/fib_rules.h. */
import { bitsOf, type Family, formatIp, fromBytes, type IpAddress, toBytes } from "../ip/address.ts";
import { Errno } from "../system/errno.ts";
import { addressFamily } from "./address.ts";
import { Attributes } from "./attributes.ts";
import { BodyWriter } from "./body-writer.ts";
import type { NetlinkConnection } from "./connection.ts";
import { NetlinkError } from "./error.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

/** RTM_*RULE. */
const RuleMessage = { new: 32, delete: 33, get: 34 } as const;
/** FRA_*. */
const RuleAttribute = { source: 2, priority: 6, table: 15, protocol: 21 } as const;
/** FRA_* of what a rule may ask for besides: interfaces, marks, users, tunnels, transport protocols, ports. */
const selectors: readonly number[] = [3, 10, 12, 17, 19, 20, 22, 23, 24];
/** FIB_RULE_INVERT. */
const INVERT = 2;
/** FR_ACT_TO_TBL. */
const TO_TABLE = 1;

/** A rule that sends the packets of one source address to a table. */
export interface SourceRule {
  readonly source: IpAddress;
  readonly table: number;
  /** Which program has made it (RTPROT_*, as for routes); absent: unspecified. */
  readonly protocol?: number;
}

/** A rule of the kernel. */
export interface Rule {
  /** Of a rule for a single source address that asks for nothing else. */
  readonly source: IpAddress | undefined;
  readonly table: number;
  readonly priority: number;
  readonly protocol: number;
}

/** struct fib_rule_hdr. */
function header(family: Family, sourceLength = 0, action = 0): Uint8Array {
  const bytes = new Uint8Array(12);
  bytes[0] = addressFamily[family];
  bytes[2] = sourceLength;
  bytes[7] = action;
  return bytes;
}

function message(
  type: number,
  flags: number,
  { source, table, protocol }: SourceRule,
  priority?: number,
): NetlinkMessage {
  const { family } = source;
  const body = new BodyWriter()
    .raw(header(family, bitsOf(family), TO_TABLE))
    .bytes(RuleAttribute.source, toBytes(source))
    .u32(RuleAttribute.table, table);
  if (protocol !== undefined) body.u8(RuleAttribute.protocol, protocol);
  if (priority !== undefined) body.u32(RuleAttribute.priority, priority);
  const verb = type === RuleMessage.new ? "add" : "delete";
  return {
    type,
    flags: Flag.request | Flag.ack | flags,
    body: body.finish(),
    purpose: `${verb} the rule from ${formatIp(source)} lookup ${table}`,
  };
}

/** Equivalent to: ip rule add from SOURCE lookup TABLE. It comes before the rules that are there. */
export const addRule = (rule: SourceRule): NetlinkMessage =>
  message(RuleMessage.new, Flag.create | Flag.exclusive, rule);

/** Equivalent to: ip rule delete from SOURCE lookup TABLE [priority PRIORITY]. */
export const deleteRule = (rule: SourceRule, priority?: number): NetlinkMessage =>
  message(RuleMessage.delete, 0, rule, priority);

function readRule(body: Uint8Array): Rule {
  const attributes = new Attributes(body, 12);
  const family: Family = body[0] === addressFamily[4] ? 4 : 6;
  const source = attributes.bytes(RuleAttribute.source);
  const [, destinationLength, sourceLength, serviceType] = body;
  const [action, flags = 0] = body.subarray(7);
  const isPlain =
    destinationLength === 0 && serviceType === 0 && action === TO_TABLE && (flags & INVERT) === 0;
  const asksForMore = !isPlain || selectors.some((each) => attributes.bytes(each) !== undefined);
  const isSingle = source !== undefined && sourceLength === bitsOf(family) && !asksForMore;
  return {
    source: isSingle ? { family, value: fromBytes(source).value } : undefined,
    table: attributes.u32(RuleAttribute.table) ?? body[4] ?? 0,
    priority: attributes.u32(RuleAttribute.priority) ?? 0,
    protocol: attributes.bytes(RuleAttribute.protocol)?.[0] ?? 0,
  };
}

/** Equivalent to: ip [-6] rule list. Empty where the kernel has no rules of the family. */
export function listRules(connection: NetlinkConnection, family: Family): Rule[] {
  const body = new BodyWriter().raw(header(family)).finish();
  const purpose = `list the IPv${family} rules`;
  try {
    return connection.dump({ type: RuleMessage.get, flags: Flag.request, body, purpose }).map(readRule);
  } catch (thrown) {
    if (
      thrown instanceof NetlinkError &&
      [Errno.EOPNOTSUPP, Errno.EAFNOSUPPORT].includes(thrown.errno as never)
    )
      return [];
    throw thrown;
  }
}
