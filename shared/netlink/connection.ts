/** A netlink socket and the request/answer protocol on it: acknowledgements, multipart answers, extended errors. */

import { sumDump } from "../system/dump-sum.ts";
import { Errno } from "../system/errno.ts";
import { closeFile } from "../system/file.ts";
import { call, SystemError, tryCall } from "../system/libc.ts";
import { waitForInput } from "../system/poll.ts";
import { Attributes } from "./attributes.ts";
import { compileSelection, type Selection } from "./dump-sum.ts";
import { NetlinkError } from "./error.ts";
import { type Acknowledged, decodeMessages, encodeMessages, Flag, type NetlinkMessage } from "./message.ts";

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_NETLINK = 270;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;
/** Message types every protocol shares. */
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** Flags of an error message: the original request is cut off, attributes follow. */
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
/** A dump that changed under the reader is read again; after that many times the node is too busy to tell. */
const DUMP_ATTEMPTS = 10;

/**
 * One buffer for all connections: calls are synchronous, and each page touched costs a fault. The kernel sizes the parts of a
 * dump by the largest buffer that the socket was read with, so there is no larger one; a single message is never as large as this.
 */
const receiveBuffer = new Uint8Array(16384);

/** So many answers fit into a socket's receive buffer of the usual size, 208 KB, with room to spare. */
const MOST_ANSWERS = 60;

export const Protocol = { route: 0, netfilter: 12 } as const;

/** What the kernel said to one message of a batch. */
export interface Answer {
  /** Set if the kernel refused the message. */
  error?: NetlinkError;
  /** The bodies of the messages it sent back. */
  readonly bodies: Uint8Array[];
  /** The state changed while a dump was read. */
  interrupted: boolean;
  /** The kernel has said its last word on the message. */
  complete: boolean;
}

/** One netlink socket, in the network namespace it was opened in, for as long as it is open. */
export class NetlinkConnection {
  private readonly socket: number;
  private sequence = 1;

  constructor(protocol: number) {
    this.socket = call("socket", "netlink", AF_NETLINK, SOCK_RAW_CLOEXEC, protocol);
    const on = new Uint8Array([1, 0, 0, 0]);
    const NETLINK_CAP_ACK = 10;
    const NETLINK_EXT_ACK = 11;
    const NETLINK_GET_STRICT_CHK = 12;
    // Each is an improvement only: an older kernel without it still answers.
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) this.setOption(option, on);
    // Strict checking makes the kernel honour filters in dumps.
    if (protocol === Protocol.route) this.setOption(NETLINK_GET_STRICT_CHK, on);
  }

  private setOption(option: number, value: Uint8Array): void {
    tryCall("setsockopt", this.socket, SOL_NETLINK, option, value);
  }

  close(): void {
    closeFile(this.socket);
  }

  /** The number of the socket's network namespace, which the kernel never gives twice; undefined before Linux 5.14. */
  namespaceCookie(): bigint | undefined {
    const SO_NETNS_COOKIE = 71;
    const value = new BigUint64Array(1);
    const bytes = new Uint8Array(value.buffer);
    const filled = tryCall("getsockopt", this.socket, SOL_SOCKET, SO_NETNS_COOKIE, bytes);
    if (filled === -Errno.ENOPROTOOPT) return undefined;
    if (filled < 0) throw new SystemError("getsockopt", "the cookie of the network namespace", -filled);
    return value[0];
  }

  /** Sends all of it in one piece: a batch must not be cut, whatever the socket's usual size is. */
  private send(bytes: Uint8Array): void {
    const failed = tryCall("sendto", this.socket, bytes, 0);
    if (failed >= 0) return;
    if (failed !== -Errno.EMSGSIZE) throw new SystemError("send", "netlink", -failed);
    const size = new Uint8Array(4);
    new DataView(size.buffer).setUint32(0, bytes.length, true);
    // The kernel takes it twofold, for what it needs itself; past net.core.wmem_max for CAP_NET_ADMIN only, socket(7).
    tryCall("setsockopt", this.socket, SOL_SOCKET, SO_SNDBUFFORCE, size);
    call("sendto", "netlink", this.socket, bytes, 0);
  }

  /**
   * Sends the messages in one system call and returns the answer to each. The kernel works through them in
   * order, within the call, and goes on after a refused one; so a kill cannot come between them.
   */
  transact(messages: readonly NetlinkMessage[]): Answer[] {
    if (messages.length <= MOST_ANSWERS || messages[0]?.opensBatch === true) return this.exchange(messages);
    const all: Answer[] = [];
    for (let start = 0; start < messages.length; start += MOST_ANSWERS) {
      for (const answer of this.exchange(messages.slice(start, start + MOST_ANSWERS))) all.push(answer);
    }
    return all;
  }

  private exchange(messages: readonly NetlinkMessage[], acknowledged: Acknowledged = "each"): Answer[] {
    if (messages.length === 0) return [];
    const first = this.sequence;
    this.sequence += messages.length;
    this.send(encodeMessages(messages, first, acknowledged));
    const answers = messages.map<Answer>(() => ({ bodies: [], interrupted: false, complete: false }));
    // The kernel answers in order, so the last one that has an answer ends the batch.
    const isAnswered = ({ flags }: NetlinkMessage, index: number) =>
      (flags & (Flag.ack | Flag.dump)) !== 0 && (acknowledged === "each" || index === messages.length - 1);
    const last = messages.findLastIndex(isAnswered);
    while (last >= 0 && answers[last]?.complete === false) {
      this.receive(messages, answers, first);
      if (messages[0]?.opensBatch === true && answers[0]?.error !== undefined) break;
    }
    return answers;
  }

  /**
   * Sends a request for one object and returns it, or the refusal. It is answered by one or the other, so it
   * needs no acknowledgement.
   */
  query(message: NetlinkMessage): { readonly body?: Uint8Array; readonly error?: NetlinkError } {
    const first = this.sequence++;
    const bytes = encodeMessages([message], first);
    this.send(bytes);
    const answer: Answer = { bodies: [], interrupted: false, complete: false };
    while (!answer.complete && answer.bodies.length === 0) this.receive([message], [answer], first);
    const [body] = answer.bodies;
    return {
      ...(body === undefined ? {} : { body }),
      ...(answer.error === undefined ? {} : { error: answer.error }),
    };
  }

  private receiveBytes(flags: number): number {
    const length = tryCall("recvfrom", this.socket, receiveBuffer, flags);
    if (length < 0) throw this.giveUp(-length);
    return length;
  }

  /**
   * The rest of the answers is of no use any more, but has to be read: a dump that nobody has read to its end keeps the next one, such as
   * that of an undo, from starting (EBUSY, __netlink_dump_start in net/netlink/af_netlink.c).
   */
  private giveUp(errno: number): SystemError {
    while (tryCall("recvfrom", this.socket, receiveBuffer, MSG_DONTWAIT) > 0);
    return new SystemError("recv", "netlink", errno);
  }

  private receive(messages: readonly NetlinkMessage[], answers: Answer[], first: number): void {
    // The kernel queued its answers before send() returned, so waiting would only hide a lost one.
    const flags = MSG_DONTWAIT | MSG_TRUNC;
    const length = this.receiveBytes(flags);
    if (length > receiveBuffer.length) throw this.giveUp(Errno.ENOBUFS);
    // A copy: the bodies outlive the buffer.
    for (const received of decodeMessages(receiveBuffer.slice(0, length))) {
      const answer = answers[received.sequence - first];
      const message = messages[received.sequence - first];
      if (answer === undefined || message === undefined) continue;
      if ((received.flags & Flag.dumpInterrupted) !== 0) answer.interrupted = true;
      if (received.type === NLMSG_ERROR) {
        answer.complete = true;
        const error = readError(received.body, received.flags, message.purpose);
        if (error !== undefined && error.errno !== message.dispensable) answer.error = error;
      } else if (received.type === NLMSG_DONE) {
        answer.complete = true;
        const error = readDone(received.body, message.purpose);
        if (error !== undefined) answer.error = error;
      } else {
        answer.bodies.push(received.body);
      }
    }
  }

  /**
   * Sends the messages, in parts, and throws the first refusal; the rest of its part was tried all the same. Only the last one of a part is
   * acknowledged: the kernel reports a refusal unasked, and each answer costs a system call.
   */
  execute(...messages: readonly NetlinkMessage[]): Uint8Array[] {
    return this.executeAll(messages);
  }

  /** The same for a list that may be long: no function takes thousands of arguments for sure. */
  executeAll(messages: readonly NetlinkMessage[]): Uint8Array[] {
    const bodies: Uint8Array[] = [];
    for (let start = 0; start < messages.length; start += MOST_ANSWERS) {
      const part = messages.slice(start, start + MOST_ANSWERS);
      for (const answer of this.exchange(part, "last")) {
        if (answer.error !== undefined) throw answer.error;
        for (const body of answer.bodies) bodies.push(body);
      }
    }
    return bodies;
  }

  /** Sends one message; returns its refusal, if its errno is among those expected, or throws it. */
  attempt(message: NetlinkMessage, ...expected: readonly number[]): NetlinkError | undefined {
    const error = this.transact([message])[0]?.error;
    if (error !== undefined && !expected.includes(error.errno)) throw error;
    return error;
  }

  /** All bodies of a dump, read again while the kernel reports that it changed in between. */
  dump(message: NetlinkMessage): Uint8Array[] {
    const request = { ...message, flags: message.flags | Flag.request | Flag.dump };
    for (let attempt = 1; ; attempt++) {
      const [answer] = this.transact([request]);
      if (answer?.error !== undefined) throw answer.error;
      if (answer !== undefined && (!answer.interrupted || attempt === DUMP_ATTEMPTS)) return answer.bodies;
    }
  }

  /** Adds the messages of a dump to a sum. False if the dump was refused, or changed while it was read: the sum is of no use then. */
  addToSum(message: NetlinkMessage, selection: Selection, sum: BigUint64Array): boolean {
    const flags = message.flags | Flag.request | Flag.dump;
    this.send(encodeMessages([{ ...message, flags }], this.sequence++));
    const compiled = compileSelection(selection);
    for (let isWhole = true; ; ) {
      const { isLast, isUseless } = sumDump(receiveBuffer, this.receiveBytes(MSG_DONTWAIT), compiled, sum);
      if (isUseless) isWhole = false;
      if (isLast) return isWhole;
    }
  }

  /**
   * Joins a multicast group, to see what changes from now on. Bound first: the kernel passes over a socket that
   * has no port number yet (net/netlink/af_netlink.c, do_one_broadcast).
   */
  subscribe(group: number): void {
    // struct sockaddr_nl: family, and zeros: the kernel picks the port number.
    const address = new Uint8Array([AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const bound = tryCall("bind", this.socket, address);
    // EINVAL: it has a port number already.
    if (bound < 0 && bound !== -Errno.EINVAL) throw new SystemError("bind", "netlink", -bound);
    const NETLINK_ADD_MEMBERSHIP = 1;
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(0, group, true);
    call("setsockopt", `netlink group ${group}`, this.socket, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, value);
  }

  /** Waits for the next events; returns their bodies, or none when the time is over. */
  waitForEvents(milliseconds: number): Uint8Array[] {
    if (!waitForInput(this.socket, "netlink", milliseconds)) return [];
    const length = tryCall("recvfrom", this.socket, receiveBuffer, MSG_DONTWAIT);
    // ENOBUFS: events were lost; the caller looks at the state itself after every return.
    if (length < 0) return [new Uint8Array(0)];
    return decodeMessages(receiveBuffer.slice(0, length)).map((message) => message.body);
  }
}

function readError(body: Uint8Array, flags: number, purpose: string): NetlinkError | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const errno = -view.getInt32(0, true);
  if (errno === 0) return undefined;
  // struct nlmsgerr: the errno and the request's header, with the whole request unless capped.
  const request = (flags & NLM_F_CAPPED) !== 0 ? 16 : view.getUint32(4, true);
  const explained = (flags & NLM_F_ACK_TLVS) !== 0;
  const explanation = explained ? new Attributes(body, 4 + request).text(NLMSGERR_ATTR_MSG) : undefined;
  return new NetlinkError(purpose, errno, explanation ?? "");
}

function readDone(body: Uint8Array, purpose: string): NetlinkError | undefined {
  if (body.length < 4) return undefined;
  const errno = -new DataView(body.buffer, body.byteOffset, body.length).getInt32(0, true);
  if (errno === 0) return undefined;
  return new NetlinkError(purpose, errno, new Attributes(body, 4).text(NLMSGERR_ATTR_MSG) ?? "");
}
