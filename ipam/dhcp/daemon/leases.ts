/** All leases of the daemon: those that are held, and those that are being acquired. */
import { CniError, ErrorCode, messageOf } from "../../../shared/cni/error.ts";
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import { formatIp } from "../../../shared/ip/address.ts";
import { formatCidr } from "../../../shared/ip/cidr.ts";
import { bootMilliseconds } from "../../../shared/system/clock.ts";
import type { Exchange, Goal, Outcome } from "../lease/exchange.ts";
import { ownerName } from "../lease/owner.ts";
import { isPlaced, type LeaseRecord, type Place } from "../lease/record.ts";
import { sendRelease } from "../lease/release.ts";
import { Acquisition, type Settle, type Wanted } from "./acquisition.ts";
import { Lease, type Surroundings } from "./lease.ts";
import { log } from "./log.ts";

/** How often leases are looked at whose namespace may be gone without DEL. One system call for each. */
const LOOK_INTERVAL = 10_000;

/** After an error of the kernel that may pass, such as too many open files. */
const PAUSE_AFTER_FAILURE = 1000;

const isSamePlace = (a: Place, b: Place): boolean =>
  a.namespace.identity === b.namespace.identity &&
  a.index === b.index &&
  a.mac.every((byte, at) => byte === b.mac[at]);

export class Leases {
  private readonly held = new Map<string, Lease>();
  private readonly pending = new Map<string, Acquisition>();
  private readonly around: Surroundings;
  private nextLook = 0;
  /** The leases with an exchange, and when the first of the others has something to do: known again after a change. */
  private active: readonly Lease[] = [];
  private nextIdle = Infinity;
  private hasChanged = true;

  constructor(around: Surroundings) {
    this.around = around;
  }

  /** Takes up the leases of an earlier daemon. */
  restore(): void {
    for (const record of this.around.store.readAll())
      this.held.set(ownerName(record.owner), new Lease(record, this.around));
    if (this.held.size > 0) log(`${this.held.size} leases of an earlier daemon are taken up`);
    this.nextLook = bootMilliseconds();
  }

  find(owner: AttachmentKey): Lease | undefined {
    return this.held.get(ownerName(owner));
  }

  all(): readonly Lease[] {
    return [...this.held.values()];
  }

  /**
   * The lease of the interface at its place. A lease of the same attachment in another place is given back, and so is one without its
   * file: while the daemon hung, DEL has given back the address by the file.
   */
  current({ owner, place }: Wanted): Lease | undefined {
    const lease = this.find(owner);
    if (lease === undefined) return undefined;
    const isStored = this.around.store.find(owner) !== undefined;
    if (isStored && lease.record.lost === undefined && isSamePlace(lease.record.place, place)) return lease;
    this.release(owner, isStored ? "its container has another interface by now" : "its file is gone");
    return undefined;
  }

  /** Starts an exchange. `settle` gets a lease that is held and stored, or an error. Returns a function that ends it early. */
  acquire(wanted: Wanted, goal: Goal, settle: (outcome: Lease | CniError) => void): () => void {
    const name = ownerName(wanted.owner);
    if (this.pending.has(name)) {
      const message = `another ADD is asking for an address of ${name}`;
      throw new CniError(
        ErrorCode.tryAgainLater,
        message,
        "the runtime must not run two calls for one container at once",
      );
    }
    const done: Settle = (outcome) => settle(outcome instanceof CniError ? outcome : this.keep(outcome));
    const acquisition = new Acquisition(wanted, goal, this.around.options, bootMilliseconds(), done);
    this.pending.set(name, acquisition);
    return () => {
      if (!this.pending.delete(name)) return;
      acquisition.abandon();
      log(`${name}: its caller is gone`);
    };
  }

  /** Stores and holds a new lease. One that cannot be stored is given back: a later daemon would not know it. */
  private keep(record: LeaseRecord): Lease | CniError {
    const lease = new Lease(record, this.around);
    try {
      lease.save();
    } catch (thrown) {
      sendRelease(record);
      return new CniError(
        ErrorCode.io,
        `the lease could not be stored: ${messageOf(thrown)}`,
        "the address was given back",
      );
    }
    this.held.set(lease.name, lease);
    this.hasChanged = true;
    const { address, server, lease: seconds } = lease.terms;
    log(`${lease.name}: ${formatCidr(address)} for ${seconds} s from ${formatIp(server)}`);
    return lease;
  }

  /** Gives a lease back, and ends an exchange for it. Succeeds without either. */
  release(owner: AttachmentKey, reason: string): void {
    const name = ownerName(owner);
    const acquisition = this.pending.get(name);
    this.pending.delete(name);
    acquisition?.end({ kind: "failed", reason: `it was ended by ${reason}` });
    const lease = this.held.get(name);
    if (lease === undefined) {
      // A file that was not understood, or that another daemon wrote.
      this.around.store.remove(owner);
      return;
    }
    lease.release(reason);
    this.held.delete(name);
    this.hasChanged = true;
  }

  /** The same, where no caller waits. What fails is done by DEL. */
  drop(owner: AttachmentKey, reason: string): void {
    try {
      this.release(owner, reason);
    } catch (thrown) {
      log(`${ownerName(owner)}: ${messageOf(thrown)}`);
    }
  }

  private review(): void {
    this.hasChanged = false;
    const active: Lease[] = [];
    let next = Infinity;
    for (const lease of this.held.values()) {
      if (lease.exchange !== undefined) active.push(lease);
      else if (lease.next < next) next = lease.next;
    }
    this.active = active;
    this.nextIdle = next;
  }

  /** The sockets on which answers may arrive, and when the next thing is due. Leases at rest cost nothing. */
  waits(): { readonly sockets: number[]; readonly next: number } {
    if (this.hasChanged) this.review();
    const sockets: number[] = [];
    let next = this.held.size > 0 ? Math.min(this.nextLook, this.nextIdle) : Infinity;
    const add = ({ socket, next: own }: Exchange) => {
      sockets.push(socket);
      next = Math.min(next, own);
    };
    for (const { exchange } of this.pending.values()) add(exchange);
    for (const { exchange } of this.active) if (exchange !== undefined) add(exchange);
    return { sockets, next };
  }

  /** Does what is due, and reads what has arrived. */
  proceed(ready: ReadonlySet<number>, now: number): void {
    for (const [name, acquisition] of this.pending) {
      const { exchange } = acquisition;
      if (ready.has(exchange.socket)) this.proceedPending(name, acquisition, () => exchange.onReadable(now));
      if (this.pending.has(name) && now >= exchange.next)
        this.proceedPending(name, acquisition, () => exchange.onTime(now));
    }
    for (const lease of this.active) this.proceedActive(lease, ready, now);
    if (now >= this.nextIdle) this.wakeIdle(now);
    if (now >= this.nextLook) this.look(now);
  }

  private proceedActive(lease: Lease, ready: ReadonlySet<number>, now: number): void {
    const { exchange } = lease;
    // Released meanwhile.
    if (exchange === undefined) return;
    if (ready.has(exchange.socket)) this.change(lease, () => lease.onReadable(now));
    else if (now >= exchange.next) this.change(lease, () => lease.onTime(now));
  }

  private wakeIdle(now: number): void {
    for (const lease of this.held.values()) {
      if (lease.exchange === undefined && now >= lease.next) this.change(lease, () => lease.onTime(now));
    }
  }

  /** One lease's failure must not end the others. It is tried again soon. */
  private change(lease: Lease, work: () => boolean): void {
    this.hasChanged = true;
    try {
      if (!work()) this.held.delete(lease.name);
    } catch (thrown) {
      log(`${lease.name}: ${messageOf(thrown)}`);
      lease.wait(bootMilliseconds() + PAUSE_AFTER_FAILURE);
    }
  }

  private proceedPending(name: string, acquisition: Acquisition, work: () => Outcome | undefined): void {
    try {
      const outcome = work();
      if (outcome === undefined) return;
      this.pending.delete(name);
      acquisition.end(outcome);
    } catch (thrown) {
      this.pending.delete(name);
      acquisition.end({ kind: "failed", reason: messageOf(thrown) });
    }
  }

  private look(now: number): void {
    this.nextLook = now + LOOK_INTERVAL;
    for (const lease of this.held.values()) {
      if (lease.exchange !== undefined || isPlaced(lease.record.place)) continue;
      this.change(lease, () => {
        lease.release("its network namespace is gone");
        return false;
      });
    }
  }

  stop(): void {
    for (const acquisition of this.pending.values()) acquisition.abandon();
    for (const lease of this.held.values()) lease.stop();
  }
}
