/** The client's messages (RFC 2131, table 5). Pure. */
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import { MessageType, Option, type OutgoingMessage } from "../wire/message.ts";
import { clientIdentifier } from "./owner.ts";
import type { Client } from "./record.ts";

const word = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
};

/** A whole Ethernet frame's IP packet: fragments are not put together. */
const LARGEST_MESSAGE = 1500;

export interface Subject {
  readonly owner: AttachmentKey;
  readonly client: Client;
  readonly mac: Uint8Array;
  readonly broadcast: boolean;
}

/** What differs between messages. Addresses are numbers. */
export interface Content {
  readonly type: number;
  readonly xid: number;
  readonly seconds: number;
  /** Option 50. */
  readonly requested?: number | undefined;
  /** Option 54. */
  readonly server?: number | undefined;
  /** The address that the client has. */
  readonly held?: number | undefined;
}

function optionsOf(
  { owner, client }: Subject,
  { type, requested, server }: Content,
): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>([[Option.messageType, Uint8Array.of(type)]]);
  options.set(Option.clientIdentifier, clientIdentifier(owner));
  if (requested !== undefined) options.set(Option.requestedAddress, word(requested));
  if (server !== undefined) options.set(Option.serverIdentifier, word(server));
  // A configured identifier replaces the client's own.
  const own = client.provided.get(Option.clientIdentifier);
  if (own !== undefined) options.set(Option.clientIdentifier, own);
  if (type === MessageType.release) return options;
  options.set(Option.maximumSize, Uint8Array.of(LARGEST_MESSAGE >> 8, LARGEST_MESSAGE & 0xff));
  for (const [code, value] of client.provided) options.set(code, value);
  if (client.requested.length > 0)
    options.set(Option.parameterRequestList, Uint8Array.from(client.requested));
  return options;
}

export function requestOf(subject: Subject, content: Content): OutgoingMessage {
  const { xid, seconds, held = 0 } = content;
  // A client with an address takes answers that are sent to it.
  const broadcast = subject.broadcast && held === 0;
  return {
    xid,
    seconds,
    mac: subject.mac,
    clientAddress: held,
    broadcast,
    options: optionsOf(subject, content),
  };
}
