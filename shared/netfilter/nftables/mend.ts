/** Keeping the rules of our table in order: one process at a time, and only where something is missing. */
import { CniError, ErrorCode } from "../../cni/error.ts";
import type { NetlinkConnection } from "../../netlink/connection.ts";
import { NetlinkError } from "../../netlink/error.ts";
import type { NetlinkMessage } from "../../netlink/message.ts";
import { withNetfilterLock } from "../lock.ts";
import type { ChainSpecification } from "./chain.ts";
import { mendWithHooks } from "./hooks.ts";
import { areInPlace } from "./in-place.ts";
import type { HeldRule } from "./message.ts";
import { ownTable } from "./own-table.ts";
import { hasTable, rulesOf } from "./question.ts";
import { retryCommit, tryWithoutCommit } from "./transaction.ts";

/** What is kept in order, and what to say where it cannot be. */
export interface Subject {
  /** In words, such as "masquerade". */
  readonly what: string;
  /** The kernel modules it needs, and what to do instead. */
  readonly advice: string;
  readonly chains: readonly ChainSpecification[];
  /** Everything that brings the chains in order, given the rules there are. */
  readonly mend: (held: readonly HeldRule[]) => NetlinkMessage[];
}

function refusal(connection: NetlinkConnection, { what, advice }: Subject, error: NetlinkError): CniError {
  if (hasTable(connection, ownTable)) {
    return new CniError(
      ErrorCode.internal,
      `the table inet podwire is not what podwire makes: ${error.message}`,
      "see what is in it with: nft list table inet podwire; remove it with: nft delete table inet podwire",
      error,
    );
  }
  const message = `${what} by nftables does not work on this kernel: ${error.message}`;
  return new CniError(ErrorCode.notAvailable, message, advice, error);
}

/** For the validation phase: throws if the rules are not there, and could not be made. Changes nothing. */
export function refuseUnable(connection: NetlinkConnection, subject: Subject): void {
  const rules = rulesOf(connection, ownTable);
  if (areInPlace(connection, rules, subject.chains)) return;
  const changes = mendWithHooks(connection, subject.chains, rules, subject.mend);
  const error = tryWithoutCommit(connection, changes);
  if (error !== undefined) throw refusal(connection, subject, error);
}

/**
 * Sees to it that the chains are there. Mostly they are, and then this only reads. One process at a time, and on
 * nothing but the ruleset as it was: of two that find a chain missing, the second would empty what the first has just
 * filled. Returns whether something was missing. `held` is what the caller has just read.
 */
export function ensureRules(
  connection: NetlinkConnection,
  subject: Subject,
  held: readonly HeldRule[] = rulesOf(connection, ownTable),
): boolean {
  const { chains, mend } = subject;
  if (areInPlace(connection, held, chains)) return false;
  const missing = () => {
    const rules = rulesOf(connection, ownTable);
    return areInPlace(connection, rules, chains) ? [] : mendWithHooks(connection, chains, rules, mend);
  };
  try {
    withNetfilterLock(() => retryCommit(connection, missing, "as it was"));
    return true;
  } catch (thrown) {
    throw thrown instanceof NetlinkError ? refusal(connection, subject, thrown) : thrown;
  }
}
