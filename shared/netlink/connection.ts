/** A netlink socket and its request/answer protocol: acknowledgements, multipart answers, extended errors. */

import { sumDump } from "../system/dump-sum.ts";
import { Errno } from "../system/errno.ts";
import { closeFile } from "../system/file.ts";
import { call, SystemError, tryCall } from "../system/libc.ts";
import { waitForInput } from "../system/poll.ts";
import { type Answer, addToAnswer, newAnswer } from "./answer.ts";
import { compileSelection, type Selection } from "./dump-sum.ts";
import type { NetlinkError } from "./error.ts";
import { nameIn, nameRequest } from "./interface-name.ts";
import { type Acknowledged, decodeMessages, encodeMessages, Flag, type NetlinkMessage } from "./message.ts";

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_NETLINK = 270;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;
/** A dump that changed meanwhile is repeated. After this many times the node is too busy. */
const DUMP_ATTEMPTS = 10;

/**
 * One buffer for all connections: calls are synchronous, and each page costs a fault. The kernel limits the parts of a
 * dump by the largest buffer that the socket has read with, and a single message is smaller than this.
 */
const receiveBuffer = new Uint8Array(16384);

/** This many answers fit into a socket's default receive buffer of 208 KB, with room to spare. */
const MOST_ANSWERS = 60;

export const Protocol = { route: 0, netfilter: 12 } as const;

/** A netlink socket in the network namespace where it was opened, until it is closed. */
export class NetlinkConnection {
  private readonly socket: number;
  private sequence = 1;

  constructor(protocol: number) {
    this.socket = call("socket", "netlink", AF_NETLINK, SOCK_RAW_CLOEXEC, protocol);
    const on = new Uint8Array([1, 0, 0, 0]);
    const NETLINK_CAP_ACK = 10;
    const NETLINK_EXT_ACK = 11;
    const NETLINK_GET_STRICT_CHK = 12;
    // Both are optional: an older kernel without them still answers.
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) this.setOption(option, on);
    // With strict checking the kernel applies filters in dumps.
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

  /** Sends all bytes in one message: a batch must not be split, whatever the socket's buffer size. */
  private send(bytes: Uint8Array): void {
    const failed = tryCall("sendto", this.socket, bytes, 0);
    if (failed >= 0) return;
    if (failed !== -Errno.EMSGSIZE) throw new SystemError("send", "netlink", -failed);
    const size = new Uint8Array(4);
    new DataView(size.buffer).setUint32(0, bytes.length, true);
    // The kernel doubles the size for its overhead. Only CAP_NET_ADMIN may exceed net.core.wmem_max (socket(7)).
    tryCall("setsockopt", this.socket, SOL_SOCKET, SO_SNDBUFFORCE, size);
    call("sendto", "netlink", this.socket, bytes, 0);
  }

  /**
   * Sends the messages in one system call and returns each one's answer. The kernel processes them in order within
   * that call, and goes on after a refused one. So a kill cannot come between them.
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
    const answers = messages.map(newAnswer);
    // The kernel answers in order, so the last message with an answer ends the batch.
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
   * Requests one object. Returns it, or the refusal. Either one is an answer, so the request needs no acknowledgement.
   */
  query(message: NetlinkMessage): { readonly body?: Uint8Array; readonly error?: NetlinkError } {
    const first = this.sequence++;
    const bytes = encodeMessages([message], first);
    this.send(bytes);
    const answer = newAnswer();
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
   * Reads and drops the remaining answers. An unread dump would keep the next one from starting, such as an undo's
   * (EBUSY, __netlink_dump_start in net/netlink/af_netlink.c).
   */
  private giveUp(errno: number): SystemError {
    while (tryCall("recvfrom", this.socket, receiveBuffer, MSG_DONTWAIT) > 0);
    return new SystemError("recv", "netlink", errno);
  }

  private receive(messages: readonly NetlinkMessage[], answers: Answer[], first: number): void {
    // The kernel has queued its answers before send() returns: a blocking read would only hide a lost one.
    const flags = MSG_DONTWAIT | MSG_TRUNC;
    const length = this.receiveBytes(flags);
    if (length > receiveBuffer.length) throw this.giveUp(Errno.ENOBUFS);
    // A copy, since the bodies outlive the buffer.
    for (const received of decodeMessages(receiveBuffer.slice(0, length))) {
      const answer = answers[received.sequence - first];
      const message = messages[received.sequence - first];
      if (answer === undefined || message === undefined) continue;
      addToAnswer(answer, received, message);
    }
  }

  /**
   * Sends the messages in parts and throws the first refusal; the rest of its part was executed all the same. Only the
   * last message of a part is acknowledged: the kernel always reports refusals, and each answer costs a system call.
   */
  execute(...messages: readonly NetlinkMessage[]): Uint8Array[] {
    return this.executeAll(messages);
  }

  /** The same for a long list: a call with thousands of arguments may overflow the stack. */
  executeAll(messages: readonly NetlinkMessage[]): Uint8Array[] {
    const bodies: Uint8Array[] = [];
    for (let start = 0; start < messages.length; start += MOST_ANSWERS) {
      const part = messages.slice(start, start + MOST_ANSWERS);
      for (const answer of this.exchange(part, "last")) {
        if (answer.error !== undefined) throw this.named(answer.error);
        for (const body of answer.bodies) bodies.push(body);
      }
    }
    return bodies;
  }

  /** The error with the name of its interface, which is asked for only now: most refusals are expected. */
  private named(error: NetlinkError): NetlinkError {
    const { index = 0 } = error.request;
    const { body } = index === 0 ? {} : this.query(nameRequest(index));
    return body === undefined ? error : error.named(nameIn(body));
  }

  /** Sends one message. Returns the refusal if its errno is expected, otherwise throws it. */
  attempt(message: NetlinkMessage, ...expected: readonly number[]): NetlinkError | undefined {
    const error = this.transact([message])[0]?.error;
    if (error !== undefined && !expected.includes(error.errno)) throw this.named(error);
    return error;
  }

  /** All bodies of a dump, repeated while the kernel reports a change in between. */
  dump(message: NetlinkMessage): Uint8Array[] {
    const request = { ...message, flags: message.flags | Flag.request | Flag.dump };
    for (let attempt = 1; ; attempt++) {
      const [answer] = this.transact([request]);
      if (answer?.error !== undefined) throw this.named(answer.error);
      if (answer !== undefined && (!answer.interrupted || attempt === DUMP_ATTEMPTS)) return answer.bodies;
    }
  }

  /**
   * Adds the messages of a dump to a sum. If the dump was refused or changed meanwhile, returns false, and the sum is
   * meaningless.
   */
  addToSum(message: NetlinkMessage, selection: Selection, sum: BigUint64Array): boolean {
    const flags = message.flags | Flag.request | Flag.dump;
    this.send(encodeMessages([{ ...message, flags }], this.sequence++));
    const compiled = compileSelection(selection);
    for (let isComplete = true; ; ) {
      const { isLast, isUseless } = sumDump(receiveBuffer, this.receiveBytes(MSG_DONTWAIT), compiled, sum);
      if (isUseless) isComplete = false;
      if (isLast) return isComplete;
    }
  }

  /**
   * Joins a multicast group, to get events of later changes. It binds first: the kernel skips a socket without a port
   * number (net/netlink/af_netlink.c, do_one_broadcast).
   */
  subscribe(group: number): void {
    // struct sockaddr_nl: the family, and zeros: the kernel chooses the port number.
    const address = new Uint8Array([AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const bound = tryCall("bind", this.socket, address);
    // EINVAL: the socket has a port number already.
    if (bound < 0 && bound !== -Errno.EINVAL) throw new SystemError("bind", "netlink", -bound);
    const NETLINK_ADD_MEMBERSHIP = 1;
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(0, group, true);
    call("setsockopt", `netlink group ${group}`, this.socket, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, value);
  }

  /** Waits for events. Returns their bodies; empty on timeout. */
  waitForEvents(milliseconds: number): Uint8Array[] {
    if (!waitForInput(this.socket, "netlink", milliseconds)) return [];
    const length = tryCall("recvfrom", this.socket, receiveBuffer, MSG_DONTWAIT);
    // ENOBUFS: events were lost. The caller reads the state after each return anyway.
    if (length < 0) return [new Uint8Array(0)];
    return decodeMessages(receiveBuffer.slice(0, length)).map((message) => message.body);
  }
}
