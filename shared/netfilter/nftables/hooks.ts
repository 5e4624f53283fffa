/**
 * Chains of our table that see other packets than they should: somebody made one of the same name, or an older version
 * had it elsewhere. The kernel changes no chain's hook: it is made anew, in the batch that removes it.
 */
import { Attributes } from "../../netlink/attributes.ts";
import { NESTED } from "../../netlink/body-writer.ts";
import type { NetlinkConnection } from "../../netlink/connection.ts";
import { Flag, type NetlinkMessage } from "../../netlink/message.ts";
import type { ChainSpecification } from "./chain.ts";
import { isAbsent } from "./chain-removal.ts";
import {
  Command,
  deleteChain,
  flushChain,
  type HeldRule,
  type Hook,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_TYPE,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_USERDATA,
  tableMessage,
} from "./message.ts";
import { ownTable } from "./own-table.ts";

const NFTA_CHAIN_TABLE = 1;

/** The hook of a chain; undefined if it is none that packets come to by themselves. */
function readHook(attributes: Attributes): Hook | undefined {
  const hook = attributes.nested(NFTA_CHAIN_HOOK);
  const number = hook.u32be(1);
  const priority = hook.u32be(2);
  if (number === undefined || priority === undefined) return undefined;
  return { type: attributes.text(NFTA_CHAIN_TYPE) ?? "", number, priority: priority | 0 };
}

/** The chains of our table, each with its hook. */
function heldHooks(connection: NetlinkConnection): Map<string, Hook | undefined> {
  const purpose = `list the chains of the table ${ownTable.name}`;
  const held = new Map<string, Hook | undefined>();
  try {
    for (const body of connection.dump(tableMessage(Command.getChain, 0, ownTable, () => {}, purpose))) {
      const attributes = new Attributes(body, 4);
      // The kernel hands out those of all tables of the family.
      if (attributes.text(NFTA_CHAIN_TABLE) !== ownTable.name) continue;
      held.set(attributes.text(NFTA_CHAIN_NAME) ?? "", readHook(attributes));
    }
  } catch (thrown) {
    if (!isAbsent(thrown)) throw thrown;
  }
  return held;
}

const hooks = ["prerouting", "input", "forward", "output", "postrouting"];

function hookText(hook: Hook | undefined): string {
  if (hook === undefined) return "no hook";
  return `type ${hook.type} hook ${hooks[hook.number] ?? hook.number} priority ${hook.priority}`;
}

interface Misplaced {
  readonly chain: ChainSpecification;
  readonly held: Hook | undefined;
}

function misplacedAmong(connection: NetlinkConnection, chains: readonly ChainSpecification[]): Misplaced[] {
  const all = heldHooks(connection);
  return chains.flatMap((chain) => {
    const held = all.get(chain.name);
    return all.has(chain.name) && hookText(held) !== hookText(chain.hook) ? [{ chain, held }] : [];
  });
}

/** Whether those of the chains that exist have their hooks. */
export function haveTheirHooks(
  connection: NetlinkConnection,
  chains: readonly ChainSpecification[],
): boolean {
  return misplacedAmong(connection, chains).length === 0;
}

/** The first chain with another hook, in words; undefined if there is none. */
export function describeMisplaced(
  connection: NetlinkConnection,
  chains: readonly ChainSpecification[],
): string | undefined {
  const [first] = misplacedAmong(connection, chains);
  if (first === undefined) return undefined;
  const { chain, held } = first;
  return `the chain ${chain.name} has ${hookText(held)} instead of ${hookText(chain.hook)}`;
}

/** The same rule once more, at the end of its chain. */
function copyRule({ chain, body }: HeldRule): NetlinkMessage {
  const attributes = new Attributes(body, 4);
  const none = new Uint8Array(0);
  return tableMessage(
    Command.newRule,
    Flag.create | Flag.append,
    ownTable,
    (writer) => {
      writer.text(NFTA_RULE_CHAIN, chain);
      writer.bytes(NFTA_RULE_EXPRESSIONS | NESTED, attributes.bytes(NFTA_RULE_EXPRESSIONS) ?? none);
      const userData = attributes.bytes(NFTA_RULE_USERDATA);
      if (userData !== undefined) writer.bytes(NFTA_RULE_USERDATA, userData);
    },
    `keep a rule of the chain ${chain}`,
  );
}

function isForeign({ comment }: HeldRule, { first, others }: ChainSpecification): boolean {
  return others !== undefined && ![...first, ...others].some((rule) => rule.comment === comment);
}

/**
 * The changes that `mend` makes for the rules there are, with every chain at its hook. Rules of others stay where a chain
 * has room for them.
 */
export function mendWithHooks(
  connection: NetlinkConnection,
  chains: readonly ChainSpecification[],
  rules: readonly HeldRule[],
  mend: (held: readonly HeldRule[]) => NetlinkMessage[],
): NetlinkMessage[] {
  const misplaced = misplacedAmong(connection, chains).map(({ chain }) => chain);
  if (misplaced.length === 0) return mend(rules);
  const placeOf = (rule: HeldRule) => misplaced.find(({ name }) => name === rule.chain);
  const foreign = rules.filter((rule) => {
    const chain = placeOf(rule);
    return chain !== undefined && isForeign(rule, chain);
  });
  return [
    ...misplaced.flatMap(({ name }) => [flushChain(ownTable, name), deleteChain(ownTable, name)]),
    ...mend(rules.filter((rule) => placeOf(rule) === undefined)),
    ...foreign.map(copyRule),
  ];
}
