/** All leases of the daemon: those that are held, and those that are being acquired. */
import { CniError, ErrorCode, messageOf } from "../../../shared/cni/error.ts";
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import { formatIp } from "../../../shared/ip/address.ts";
import { formatCidr } from "../../../shared/ip/cidr.ts";
import { bootMilliseconds } from "../../../shared/system/clock.ts";
import type { Goal } from "../lease/exchange.ts";
import { ownerName } from "../lease/owner.ts";
import { isPlaced, type LeaseRecord, type Place } from "../lease/record.ts";
import { sendRelease } from "../lease/release.ts";
import { Acquisition, type Settle, type Wanted } from "./acquisition.ts";
import { Lease, type Surroundings } from "./lease.ts";
import { log } from "./log.ts";

/** How often leases are looked at whose namespace may be gone without DEL. One system call for each. */
const LOOK_INTERVAL = 10_000;

const isSamePlace = (a: Place, b: Place): boolean =>
  a.namespace.identity === b.namespace.identity &&
  a.index === b.index &&
  a.mac.every((byte, at) => byte === b.mac[at]);

export class Leases {
  private readonly held = new Map<string, Lease>();
  private readonly pending = new Map<string, Acquisition>();
  private readonly around: Surroundings;
  private nextLook = 0;

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

  /** The lease of the interface at its place. A lease of the same attachment in another place is given back. */
  current({ owner, place }: Wanted): Lease | undefined {
    const lease = this.find(owner);
    if (lease === undefined) return undefined;
    if (lease.record.lost === undefined && isSamePlace(lease.record.place, place)) return lease;
    this.release(owner, "its container has another interface by now");
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
    const { address, server, lease: seconds } = lease.terms;
    log(`${lease.name}: ${formatCidr(address)} for ${seconds} s from ${formatIp(server)}`);
    return lease;
  }

  /** Gives a lease back, and ends an exchange for it. Succeeds without either. */
  release(owner: AttachmentKey, reason: string): void {
    const name = ownerName(owner);
    this.pending.get(name)?.abandon();
    this.pending.delete(name);
    const lease = this.held.get(name);
    if (lease === undefined) {
      // A file that was not understood, or that another daemon wrote.
      this.around.store.remove(owner);
      return;
    }
    lease.release(reason);
    this.held.delete(name);
  }

  /** The sockets on which answers may arrive, and when the next thing is due. */
  waits(): { readonly sockets: number[]; readonly next: number } {
    const sockets: number[] = [];
    let next = this.held.size > 0 ? this.nextLook : Infinity;
    for (const { exchange } of this.pending.values()) {
      sockets.push(exchange.socket);
      next = Math.min(next, exchange.next);
    }
    for (const { exchange, next: own } of this.held.values()) {
      if (exchange !== undefined) sockets.push(exchange.socket);
      next = Math.min(next, exchange?.next ?? own);
    }
    return { sockets, next };
  }

  /** Does what is due, and reads what has arrived. */
  proceed(ready: ReadonlySet<number>, now: number): void {
    for (const [name, { exchange }] of [...this.pending]) {
      if (ready.has(exchange.socket)) this.step(name, () => this.end(name, exchange.onReadable(now)));
      if (this.pending.has(name) && now >= exchange.next)
        this.step(name, () => this.end(name, exchange.onTime(now)));
    }
    for (const [name, lease] of [...this.held]) {
      const { exchange } = lease;
      if (exchange !== undefined && ready.has(exchange.socket)) this.step(name, () => lease.onReadable(now));
      else if (now >= (exchange?.next ?? lease.next))
        this.step(name, () => this.keepIf(name, lease.onTime(now)));
    }
    if (now >= this.nextLook) this.look(now);
  }

  private end(name: string, outcome: Parameters<Acquisition["proceed"]>[0]): void {
    const acquisition = this.pending.get(name);
    if (outcome === undefined || acquisition === undefined) return;
    this.pending.delete(name);
    acquisition.proceed(outcome);
  }

  private keepIf(name: string, isHeld: boolean): void {
    if (!isHeld) this.held.delete(name);
  }

  /** One lease's failure must not end the others. */
  private step(name: string, work: () => void): void {
    try {
      work();
    } catch (thrown) {
      log(`${name}: ${messageOf(thrown)}`);
    }
  }

  private look(now: number): void {
    this.nextLook = now + LOOK_INTERVAL;
    for (const [name, lease] of [...this.held]) {
      this.step(name, () => {
        if (lease.exchange !== undefined || isPlaced(lease.record.place)) return;
        lease.release("its network namespace is gone");
        this.held.delete(name);
      });
    }
  }

  stop(): void {
    for (const acquisition of this.pending.values()) acquisition.abandon();
    for (const lease of this.held.values()) lease.stop();
  }
}
