/** A lease that is being acquired, for a caller who waits. */
import { CniError, ErrorCode } from "../../../shared/cni/error.ts";
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import { fileTime } from "../../../shared/system/clock.ts";
import { Exchange, type Goal, type Granted, type Outcome } from "../lease/exchange.ts";
import { ownerName } from "../lease/owner.ts";
import type { Client, LeaseRecord, Place } from "../lease/record.ts";
import type { DaemonOptions } from "./arguments.ts";

export interface Wanted {
  readonly owner: AttachmentKey;
  readonly place: Place;
  readonly client: Client;
  readonly priority: number;
}

/** What the caller gets: a lease, or the error that says why not. */
export type Settle = (outcome: LeaseRecord | CniError) => void;

const advice =
  "check that a DHCP server is on the container's network and has free addresses; tcpdump -ni any port 67 or port 68 shows the requests";

export class Acquisition {
  readonly owner: AttachmentKey;
  readonly exchange: Exchange;
  private readonly wanted: Wanted;
  private readonly settle: Settle;
  private readonly since = fileTime();

  /** Throws NoInterface and SystemError. */
  constructor(wanted: Wanted, goal: Goal, options: DaemonOptions, now: number, settle: Settle) {
    const { owner, client, place } = wanted;
    this.owner = owner;
    this.wanted = wanted;
    this.settle = settle;
    const subject = { owner, client, mac: place.mac, broadcast: options.broadcast || place.needsBroadcast };
    const limit = goal.kind === "acquire" ? options.resendTimeout : options.timeout;
    this.exchange = new Exchange(subject, place, goal, { ...options, deadline: now + limit }, now);
  }

  /** Gives the caller its answer. */
  end(outcome: Outcome): void {
    this.exchange.close();
    this.settle(outcome.kind === "granted" ? this.recordOf(outcome) : this.failure(outcome.reason));
  }

  private recordOf({ ack, serverMac, requestedAt }: Granted): LeaseRecord {
    return { ...this.wanted, ack, serverMac, requestedAt, since: this.since };
  }

  private failure(reason: string): CniError {
    return new CniError(
      ErrorCode.tryAgainLater,
      `no address by DHCP for ${ownerName(this.owner)}: ${reason}`,
      advice,
    );
  }

  /** Ends it without an answer: its caller is gone. */
  abandon(): void {
    this.exchange.close();
  }
}
