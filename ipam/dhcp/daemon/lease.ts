/** One held lease: renewed, rebound, and given up when it ends (RFC 2131, section 4.4.5). */
import { CniError, ErrorCode, messageOf } from "../../../shared/cni/error.ts";
import type { Result } from "../../../shared/cni/result.ts";
import { formatIp } from "../../../shared/ip/address.ts";
import { formatCidr, isSameCidr } from "../../../shared/ip/cidr.ts";
import { Exchange, type Goal, type Granted, type Outcome } from "../lease/exchange.ts";
import { NoInterface, setDown } from "../lease/interface.ts";
import { ownerName } from "../lease/owner.ts";
import { isPlaced, type LeaseRecord, termsOf } from "../lease/record.ts";
import { sendRelease } from "../lease/release.ts";
import { resultOf } from "../lease/result.ts";
import type { LeaseStore } from "../lease/store.ts";
import type { Terms } from "../lease/terms.ts";
import type { DaemonOptions } from "./arguments.ts";
import { log } from "./log.ts";

export interface Surroundings {
  readonly options: DaemonOptions;
  readonly store: LeaseStore;
}

/** RFC 2131, section 4.4.5: a minute at least between two requests, once the first repetitions are over. */
const LEAST_PAUSE = 60_000;

export class Lease {
  record: LeaseRecord;
  terms: Terms;
  exchange: Exchange | undefined;
  /** When there is something to do, if no exchange goes on; infinite for nothing. Milliseconds of the boot's clock. */
  next: number;
  private readonly around: Surroundings;
  /** The address was refused, and a server is asked for that very one. */
  private isAskingAgain = false;
  private refusal = "";
  /** When renewing gives way to rebinding, and that to the end. */
  private ends = 0;

  constructor(record: LeaseRecord, around: Surroundings) {
    this.record = record;
    this.terms = termsOf(record);
    this.around = around;
    this.next = this.renewAt;
  }

  get name(): string {
    return ownerName(this.record.owner);
  }

  private at(seconds: number): number {
    return this.record.requestedAt + seconds * 1000;
  }

  private get renewAt(): number {
    return this.record.lost === undefined ? this.at(this.terms.renewal) : Infinity;
  }

  private get held(): number {
    return Number(this.terms.address.address.value);
  }

  result(): Result {
    return resultOf(this.terms, this.record.priority);
  }

  /** Throws what CHECK says of a lease that has ended. */
  checkHeld(): void {
    const { lost } = this.record;
    if (lost === undefined) return;
    const message = `the address ${formatIp(this.terms.address.address)} of ${this.name} is lost: ${lost}`;
    throw new CniError(ErrorCode.internal, message, "its interface was set down: run DEL and ADD");
  }

  save(): void {
    this.around.store.write(this.record);
  }

  private start(goal: Goal, ends: number, now: number): void {
    const { owner, client, place } = this.record;
    const { options } = this.around;
    const subject = { owner, client, mac: place.mac, broadcast: options.broadcast || place.needsBroadcast };
    const deadline = Math.min(now + options.timeout, ends);
    this.exchange = new Exchange(subject, place, goal, { ...options, deadline }, now);
  }

  private finishExchange(): void {
    this.exchange?.close();
    this.exchange = undefined;
  }

  /** To be called at `next`. Returns false if the lease has ended for good. */
  onTime(now: number): boolean {
    if (this.exchange !== undefined) return this.proceed(this.exchange.onTime(now), now);
    if (now < this.next) return true;
    if (!isPlaced(this.record.place)) {
      this.release("its network namespace is gone");
      return false;
    }
    if (now >= this.at(this.terms.lease)) this.lose("its time was over and no server extended it");
    else this.extend(now);
    return true;
  }

  private extend(now: number): void {
    const isRebinding = now >= this.at(this.terms.rebinding);
    const ends = this.at(isRebinding ? this.terms.lease : this.terms.rebinding);
    this.ends = ends;
    const { held } = this;
    const server = Number(this.terms.server.value);
    const renew = { kind: "renew", held, server, serverMac: this.record.serverMac } as const;
    try {
      this.start(isRebinding ? { kind: "rebind", held } : renew, ends, now);
    } catch (thrown) {
      this.postpone(messageOf(thrown), now);
    }
  }

  /** RFC 2131, section 4.4.5: the next request comes after half of the time that is left. */
  private postpone(reason: string, now: number): void {
    const left = this.ends - now;
    this.next = now + Math.max(0, Math.min(left, Math.max(left / 2, LEAST_PAUSE)));
    log(`${this.name}: ${formatIp(this.terms.address.address)} was not extended: ${reason}`);
  }

  onReadable(now: number): boolean {
    return this.exchange === undefined || this.proceed(this.exchange.onReadable(now), now);
  }

  private proceed(outcome: Outcome | undefined, now: number): boolean {
    if (outcome === undefined) return true;
    const isLast = this.isAskingAgain;
    this.finishExchange();
    this.isAskingAgain = false;
    if (outcome.kind === "granted") this.adopt(outcome);
    else if (isLast) this.lose(outcome.reason);
    else if (outcome.kind === "refused") this.askAgain(outcome.reason, now);
    else this.postpone(outcome.reason, now);
    return true;
  }

  /** A server that lost its list refuses an address that it would give again: it is asked once for that very one. */
  private askAgain(reason: string, now: number): void {
    this.refusal = reason;
    log(`${this.name}: ${reason}`);
    try {
      this.start({ kind: "acquire", wanted: this.held }, this.at(this.terms.lease), now);
      this.isAskingAgain = true;
    } catch (thrown) {
      this.lose(`${reason}; ${messageOf(thrown)}`);
    }
  }

  private adopt({ terms, ack, serverMac, requestedAt }: Granted): void {
    if (!isSameCidr(terms.address, this.terms.address))
      log(
        `${this.name}: the server now gives ${formatCidr(terms.address)}; the interface keeps ${formatCidr(this.terms.address)}`,
      );
    this.refusal = "";
    this.terms = terms;
    this.record = { ...this.record, ack, serverMac, requestedAt };
    this.next = this.renewAt;
    try {
      this.save();
    } catch (thrown) {
      log(`${this.name}: the lease's file could not be written: ${messageOf(thrown)}`);
    }
  }

  /** The address may be another host's soon: as with the reference plugin, the interface goes down. */
  private lose(reason: string): void {
    const lost = this.refusal === "" ? reason : `${this.refusal}; ${reason}`;
    this.record = { ...this.record, lost };
    this.next = Infinity;
    log(`${this.name}: ${formatIp(this.terms.address.address)} is lost: ${lost}`);
    try {
      setDown(this.record.place);
    } catch (thrown) {
      if (!(thrown instanceof NoInterface)) log(`${this.name}: ${messageOf(thrown)}`);
    }
    try {
      this.save();
    } catch (thrown) {
      log(`${this.name}: the lease's file could not be written: ${messageOf(thrown)}`);
    }
  }

  /** Gives the address back, and forgets the lease. Throws SystemError if that may succeed later: the lease is held until then. */
  release(reason: string): void {
    this.finishExchange();
    const isSent = sendRelease(this.record);
    log(
      `${this.name}: ${formatIp(this.terms.address.address)} is ${isSent ? "released" : "dropped"}: ${reason}`,
    );
    this.around.store.remove(this.record.owner);
  }

  /** Does nothing before that time. */
  wait(until: number): void {
    this.finishExchange();
    this.next = Math.max(this.next, until);
  }

  stop(): void {
    this.finishExchange();
  }
}
