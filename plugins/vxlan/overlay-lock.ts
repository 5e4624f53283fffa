/**
 * The lock of a node's overlays: one process at a time changes them. Its file has the networks whose overlay was made by an
 * ADD that has not succeeded yet, one a line.
 */
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { namespaceName } from "../../shared/netlink/namespace-name.ts";
import { type Lock, lockText, type NamedLock, takeLock, takeLockToRemove } from "../../shared/system/lock.ts";
import { checkLock } from "../../shared/system/lock-status.ts";
import { lockLimit } from "../../shared/system/lock-wait.ts";

export class OverlayLock {
  readonly #netlink: NetlinkConnection;
  readonly #environment: Readonly<Record<string, string>>;
  #held: Lock | undefined;

  constructor(netlink: NetlinkConnection, environment: Readonly<Record<string, string>>) {
    this.#netlink = netlink;
    this.#environment = environment;
  }

  get #wanted(): NamedLock {
    const name = `vxlan-${namespaceName(this.#netlink)}`;
    return { name, what: "the overlays of this node", limitSeconds: lockLimit(this.#environment) };
  }

  #while(lock: Lock | undefined, work: () => void): void {
    this.#held = lock;
    try {
      work();
    } finally {
      this.#held = undefined;
      lock?.release();
    }
  }

  hold(work: () => void): void {
    this.#while(takeLock(this.#wanted), work);
  }

  /** For DEL and GC: they remove their part also where no lock can be made. */
  holdToRemove(work: () => void): void {
    this.#while(takeLockToRemove(this.#wanted), work);
  }

  /** STATUS: throws code 50 if another process holds it for long. */
  check(): void {
    checkLock(this.#wanted);
  }

  #networks(): string[] {
    return this.#held?.text.split("\n").filter((line) => line !== "") ?? [];
  }

  #write(networks: readonly string[]): void {
    this.#held?.write(networks.map((network) => `${network}\n`).join(""));
  }

  /** Notes under the lock that an overlay is made. */
  noteUnconfirmed(network: string): void {
    if (!this.isUnconfirmed(network)) this.#write([...this.#networks(), network]);
  }

  isUnconfirmed(network: string): boolean {
    return this.#networks().includes(network);
  }

  /** Removes the note, under the lock. */
  confirm(network: string): void {
    if (this.isUnconfirmed(network)) this.#write(this.#networks().filter((each) => each !== network));
  }

  /** The same question without the lock: an overlay that this process has seen was noted before. */
  mayBeUnconfirmed(network: string): boolean {
    return lockText(this.#wanted.name).split("\n").includes(network);
  }
}
