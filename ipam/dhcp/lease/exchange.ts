/** One exchange with servers (RFC 2131, section 4.4): requests with repetitions on one packet socket, until an ACK, a NAK or the end. */
import { formatIp } from "../../../shared/ip/address.ts";
import { describeErrno } from "../../../shared/system/errno.ts";
import { closeFile } from "../../../shared/system/file.ts";
import { tryReceive, trySend, wouldBlock } from "../../../shared/system/socket.ts";
import { bytesText } from "../../../shared/system/text.ts";
import { BROADCAST_IP, BROADCAST_MAC, readFrame, writeFrame } from "../wire/frame.ts";
import { type Message, MessageType, Option, readMessage, writeMessage } from "../wire/message.ts";
import { openSocket } from "./interface.ts";
import { pauseAfter } from "./pauses.ts";
import type { Place } from "./record.ts";
import { randomNumber } from "./release.ts";
import { requestOf, type Subject } from "./requests.ts";
import { BadTerms, ipv4, readTerms, type Terms } from "./terms.ts";

/**
 * What an exchange is for. Addresses are numbers.
 * - acquire: a new lease, by DISCOVER and REQUEST. With `wanted`, only of that address.
 * - confirm: the lease of an address that the client had, with a server that is not known (INIT-REBOOT).
 * - renew: the lease of an address that the client has, with its server alone.
 * - rebind: the same, with any server.
 */
export type Goal =
  | { readonly kind: "acquire"; readonly wanted?: number }
  | { readonly kind: "confirm"; readonly wanted: number }
  | { readonly kind: "renew"; readonly held: number; readonly server: number; readonly serverMac: Uint8Array }
  | { readonly kind: "rebind"; readonly held: number };

export interface Granted {
  readonly kind: "granted";
  readonly terms: Terms;
  readonly ack: Uint8Array;
  readonly serverMac: Uint8Array;
  readonly requestedAt: number;
}

export type Outcome = Granted | { readonly kind: "refused" | "failed"; readonly reason: string };

/** Milliseconds. `deadline` is a time. */
export interface Timing {
  readonly timeout: number;
  readonly resendMax: number;
  readonly deadline: number;
}

/** What was stepped over, for the error; more would hide the important ones. */
const MOST_NOTES = 4;
/** Frames that are read at once: other leases have their turn, too. */
const MOST_FRAMES = 32;

const buffer = new Uint8Array(65536);

interface Offer {
  readonly address: number;
  readonly server: number;
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);

export class Exchange {
  readonly socket: number;
  /** When onTime has something to do. */
  next = 0;
  private readonly subject: Subject;
  private readonly place: Place;
  private readonly goal: Goal;
  private readonly timing: Timing;
  private readonly begun: number;
  private readonly notes = new Set<string>();
  private xid = randomNumber();
  private attempts = 0;
  private requestedAt = 0;
  private offer: Offer | undefined;
  private offerEnds = 0;
  private sentAny = false;
  private isOpen = true;

  /** Sends the first request. Throws NoInterface and SystemError. */
  constructor(subject: Subject, place: Place, goal: Goal, timing: Timing, now: number) {
    this.subject = subject;
    this.place = place;
    this.goal = goal;
    this.timing = timing;
    this.begun = now;
    this.socket = openSocket(place);
    this.transmit(now);
  }

  close(): void {
    if (this.isOpen) closeFile(this.socket);
    this.isOpen = false;
  }

  private note(text: string): void {
    if (this.notes.size < MOST_NOTES) this.notes.add(text);
  }

  private transmit(now: number): void {
    const { goal } = this;
    const isDiscover = goal.kind === "acquire" && this.offer === undefined;
    const held = "held" in goal ? goal.held : undefined;
    const content = {
      type: isDiscover ? MessageType.discover : MessageType.request,
      xid: this.xid,
      seconds: Math.floor((now - this.begun) / 1000),
      requested: "wanted" in goal && goal.wanted !== undefined ? goal.wanted : this.offer?.address,
      server: this.offer?.server,
      held,
    };
    const { server, serverMac } =
      goal.kind === "renew" ? goal : { server: BROADCAST_IP, serverMac: BROADCAST_MAC };
    const envelope = { sourceMac: this.place.mac, targetMac: serverMac, source: held ?? 0, target: server };
    const sent = trySend(this.socket, writeFrame(envelope, writeMessage(requestOf(this.subject, content))));
    if (sent < 0) this.note(`a request could not be sent: ${describeErrno(-sent)}`);
    else this.sentAny = true;
    // The lease counts from the first REQUEST with the number that the server answers.
    if (!isDiscover && this.requestedAt === 0) this.requestedAt = now;
    this.attempts++;
    this.next = Math.min(now + pauseAfter(this.attempts, this.timing.resendMax), this.timing.deadline);
  }

  /** To be called at `next`. Returns the outcome if the exchange has ended. */
  onTime(now: number): Outcome | undefined {
    if (now < this.next) return undefined;
    if (now >= this.timing.deadline) return { kind: "failed", reason: this.failure() };
    if (this.offer !== undefined && now >= this.offerEnds) {
      this.note(`the server ${formatIp(ipv4(this.offer.server))} did not answer the request of its offer`);
      this.startOver();
    }
    this.transmit(now);
    return undefined;
  }

  private startOver(): void {
    this.offer = undefined;
    this.xid = randomNumber();
    this.attempts = 0;
    this.requestedAt = 0;
  }

  private failure(): string {
    const seconds = Math.round((this.timing.deadline - this.begun) / 100) / 10;
    const notes = [...this.notes].join("; ");
    if (notes !== "") return `no usable answer within ${seconds} s: ${notes}`;
    return this.sentAny
      ? `no DHCP server answered within ${seconds} s`
      : `nothing could be sent within ${seconds} s`;
  }

  /** To be called when the socket is readable. Returns the outcome if the exchange has ended. */
  onReadable(now: number): Outcome | undefined {
    for (let count = 0; count < MOST_FRAMES; count++) {
      const length = tryReceive(this.socket, buffer);
      if (length < 0) {
        if (!wouldBlock(length)) this.note(`nothing could be received: ${describeErrno(-length)}`);
        return undefined;
      }
      const outcome = this.take(buffer.subarray(0, length), now);
      if (outcome !== undefined) return outcome;
    }
    return undefined;
  }

  private take(bytes: Uint8Array, now: number): Outcome | undefined {
    const frame = readFrame(bytes);
    if (typeof frame === "string") {
      this.note(frame);
      return undefined;
    }
    const from = formatIp(ipv4(frame.source));
    const message = readMessage(frame.payload);
    if (typeof message === "string") {
      this.note(`an answer of ${from} was ignored: ${message}`);
      return undefined;
    }
    // Answers to others are everyday traffic.
    if (!isSame(message.mac, this.subject.mac)) return undefined;
    if (message.xid !== this.xid) {
      this.note(`an answer of ${from} was ignored: it has another transaction's number`);
      return undefined;
    }
    try {
      return this.answer(message, frame.payload, frame.sourceMac, now);
    } catch (thrown) {
      if (!(thrown instanceof BadTerms)) throw thrown;
      this.note(`an answer of ${from} was ignored: ${thrown.message}`);
      return undefined;
    }
  }

  private answer(
    message: Message,
    payload: Uint8Array,
    serverMac: Uint8Array,
    now: number,
  ): Outcome | undefined {
    const isSelecting = this.goal.kind === "acquire" && this.offer === undefined;
    if (message.type === MessageType.offer && isSelecting) this.select(message, now);
    if (isSelecting) return undefined;
    if (message.type === MessageType.nak) return this.refused(message, now);
    if (message.type !== MessageType.ack) return undefined;
    const terms = readTerms(message, this.subject.client.requested);
    this.checkTerms(message, terms);
    return { kind: "granted", terms, ack: payload, serverMac, requestedAt: this.requestedAt };
  }

  private select(message: Message, now: number): void {
    const terms = readTerms(message, this.subject.client.requested);
    const wanted = "wanted" in this.goal ? this.goal.wanted : undefined;
    if (wanted !== undefined && wanted !== message.address)
      throw new BadTerms(`it offers ${formatIp(terms.address.address)}, not ${formatIp(ipv4(wanted))}`);
    this.offer = { address: message.address, server: Number(terms.server.value) };
    this.offerEnds = now + this.timing.timeout;
    this.attempts = 0;
    this.transmit(now);
  }

  private checkTerms(message: Message, { server }: Terms): void {
    const { goal, offer } = this;
    const expected = offer?.address ?? ("held" in goal ? goal.held : goal.wanted);
    if (message.address !== expected)
      throw new BadTerms(`it gives ${formatIp(ipv4(message.address))}, which was not asked for`);
    if (offer !== undefined && Number(server.value) !== offer.server)
      throw new BadTerms("it is not from the server whose offer was taken");
  }

  /** NAK: the address may not be used. In a new lease the client starts over. */
  private refused({ options }: Message, now: number): Outcome | undefined {
    const server = options.get(Option.serverIdentifier);
    if (server?.length !== 4) throw new BadTerms("it does not say which server it is from (option 54)");
    const identifier = new DataView(server.buffer, server.byteOffset, 4).getUint32(0);
    const words = bytesText(options.get(Option.message) ?? new Uint8Array(0)).replace(/[^\x20-\x7e]/g, "");
    const reason = `the server ${formatIp(ipv4(identifier))} refused${words === "" ? "" : `: ${words}`}`;
    if (this.goal.kind !== "acquire") return { kind: "refused", reason };
    if (identifier !== this.offer?.server) throw new BadTerms("it refuses what another server offered");
    this.note(reason);
    this.startOver();
    this.next = Math.min(now + pauseAfter(1, this.timing.resendMax), this.timing.deadline);
    return undefined;
  }
}
