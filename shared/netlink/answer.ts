/** The kernel's answer to a netlink message: its bodies, or its refusal. */
import { Attributes } from "./attributes.ts";
import { NetlinkError } from "./error.ts";
import { Flag, type NetlinkMessage, type ReceivedMessage } from "./message.ts";

/** Message types of all protocols. */
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** Flags of an error message: the request is cut off, attributes follow. */
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;

/** The kernel's answer to one message of a batch. */
export interface Answer {
  /** Set if the kernel refused the message. */
  error?: NetlinkError;
  /** The bodies of the answer's messages. */
  readonly bodies: Uint8Array[];
  /** The state changed during a dump. */
  interrupted: boolean;
  /** True after the last part of the answer. */
  complete: boolean;
}

export const newAnswer = (): Answer => ({ bodies: [], interrupted: false, complete: false });

/** Adds a received message to the answer of the sent one. */
export function addToAnswer(answer: Answer, received: ReceivedMessage, sent: NetlinkMessage): void {
  if ((received.flags & Flag.dumpInterrupted) !== 0) answer.interrupted = true;
  if (received.type === NLMSG_ERROR) {
    answer.complete = true;
    const error = readError(received.body, received.flags, sent);
    if (error !== undefined && error.errno !== sent.dispensable) answer.error = error;
  } else if (received.type === NLMSG_DONE) {
    answer.complete = true;
    const error = readDone(received.body, sent);
    if (error !== undefined) answer.error = error;
  } else {
    answer.bodies.push(received.body);
  }
}

function readError(body: Uint8Array, flags: number, sent: NetlinkMessage): NetlinkError | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const errno = -view.getInt32(0, true);
  if (errno === 0) return undefined;
  // struct nlmsgerr: the errno and the request's header, followed by the whole request unless capped.
  const request = (flags & NLM_F_CAPPED) !== 0 ? 16 : view.getUint32(4, true);
  const explained = (flags & NLM_F_ACK_TLVS) !== 0;
  const explanation = explained ? new Attributes(body, 4 + request).text(NLMSGERR_ATTR_MSG) : undefined;
  return new NetlinkError(sent, errno, explanation ?? "");
}

function readDone(body: Uint8Array, sent: NetlinkMessage): NetlinkError | undefined {
  if (body.length < 4) return undefined;
  const errno = -new DataView(body.buffer, body.byteOffset, body.length).getInt32(0, true);
  if (errno === 0) return undefined;
  return new NetlinkError(sent, errno, new Attributes(body, 4).text(NLMSGERR_ATTR_MSG) ?? "");
}
