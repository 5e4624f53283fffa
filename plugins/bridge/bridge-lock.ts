/**
 * The lock of a bridge: from a look at the bridge to the moment when the container's port is on it. An ADD that changes
 * nothing shares it. No IPAM and nothing else that is slow runs under it, so a failing ADD hardly waits.
 */

import { bridgeLock } from "../../shared/attachment/bridge-lock.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { listLinks } from "../../shared/netlink/link.ts";
import type { Rollback } from "../../shared/rollback.ts";
import { type Lock, type NamedLock, takeLock } from "../../shared/system/lock.ts";
import { findBridge, GATEWAY_PORT_ALIAS } from "./device.ts";
import { type Note, parseJournal } from "./journal.ts";
import { takeBack } from "./take-back.ts";

/** Ends work under a shared lock that turns out to need the lock alone. It has changed nothing. */
class NeedsLockAlone extends Error {}

export interface BridgeLockOptions {
  readonly netlink: NetlinkConnection;
  readonly undo: Rollback;
  readonly bridge: string;
  readonly environment: Readonly<Record<string, string>>;
}

export class BridgeLock {
  readonly #netlink: NetlinkConnection;
  readonly #undo: Rollback;
  readonly #bridge: string;
  readonly #wanted: NamedLock;
  /** Whether this ADD uses what no ADD has confirmed yet. */
  #isDependent = false;

  constructor({ netlink, undo, bridge, environment }: BridgeLockOptions) {
    this.#netlink = netlink;
    this.#undo = undo;
    this.#bridge = bridge;
    this.#wanted = bridgeLock(netlink, bridge, environment);
  }

  /** Runs work that uses the bridge. It calls `note` before each change of what attachments share, and may run twice until then. */
  use<Value>(work: (note: Note) => Value): Value {
    try {
      return this.#under(takeLock({ ...this.#wanted, mode: "shared" }), (lock) => {
        if (lock.text !== "") throw new NeedsLockAlone();
        return work(() => {
          throw new NeedsLockAlone();
        });
      });
    } catch (thrown) {
      if (!(thrown instanceof NeedsLockAlone)) throw thrown;
    }
    return this.#under(takeLock(this.#wanted), (lock) => this.#useAlone(lock, work));
  }

  #under<Value>(lock: Lock, work: (lock: Lock) => Value): Value {
    try {
      return work(lock);
    } finally {
      lock.release();
    }
  }

  #useAlone<Value>(lock: Lock, work: (note: Note) => Value): Value {
    let journal = parseJournal(lock.text);
    if (journal !== undefined) this.#depend();
    return work((change) => {
      this.#depend();
      journal = { ports: journal?.ports ?? this.#ports(), changes: [...(journal?.changes ?? []), change] };
      lock.write(JSON.stringify(journal));
    });
  }

  #depend(): void {
    if (this.#isDependent) return;
    this.#isDependent = true;
    // The ADD's port is gone when this runs.
    this.#undo.onFailure(() => this.#under(takeLock(this.#wanted), (lock) => this.#takeBack(lock)));
  }

  /** Index of each container's port, or of an operator's. */
  #ports(): number[] {
    const bridge = findBridge(this.#netlink, this.#bridge);
    if (bridge === undefined) return [];
    const ports = listLinks(this.#netlink).filter(
      ({ master, alias }) => master === bridge.index && alias !== GATEWAY_PORT_ALIAS,
    );
    return ports.map(({ index }) => index);
  }

  #takeBack(lock: Lock): void {
    const journal = parseJournal(lock.text);
    if (journal === undefined) return;
    const isUsed = this.#ports().some((port) => !journal.ports.includes(port));
    if (isUsed) return;
    takeBack(this.#netlink, this.#bridge, journal);
    lock.write("");
  }

  /** The ADD has succeeded: what it uses stays. */
  confirm(): void {
    if (!this.#isDependent) return;
    this.#under(takeLock(this.#wanted), (lock) => lock.write(""));
  }
}
