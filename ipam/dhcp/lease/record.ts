/** A lease as its file has it. */
import { describeNamespace } from "../../../shared/attachment/liveness.ts";
import type { NamespaceRecord } from "../../../shared/attachment/namespace-record.ts";
import { isObject } from "../../../shared/cni/fields.ts";
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import { readMessage } from "../wire/message.ts";
import { BadTerms, readTerms, type Terms } from "./terms.ts";

/** What an attachment says to servers and asks of them. */
export interface Client {
  readonly requested: readonly number[];
  readonly provided: ReadonlyMap<number, Uint8Array>;
}

/** Where the interface is. */
export interface Place {
  readonly namespace: NamespaceRecord;
  readonly ifname: string;
  readonly index: number;
  readonly mac: Uint8Array;
  /** Only answers by broadcast reach it while it has no address. */
  readonly needsBroadcast: boolean;
}

export interface LeaseRecord {
  readonly owner: AttachmentKey;
  readonly place: Place;
  readonly client: Client;
  readonly priority: number;
  /** The server's ACK, and the MAC address it came from. */
  readonly ack: Uint8Array;
  readonly serverMac: Uint8Array;
  /** When the server was asked: milliseconds of the boot's clock. */
  readonly requestedAt: number;
  /** When ADD began: nanoseconds since 1970. */
  readonly since: bigint;
  /** Why the address is not the container's any more. */
  readonly lost?: string;
}

const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

const toHex = (bytes: Uint8Array): string => {
  let text = "";
  for (const byte of bytes) text += digits[byte];
  return text;
};

function fromHex(value: unknown): Uint8Array {
  if (typeof value !== "string" || !/^([0-9a-f]{2})*$/.test(value)) throw new TypeError("no bytes");
  return Uint8Array.from({ length: value.length / 2 }, (_, at) =>
    Number.parseInt(value.slice(2 * at, 2 * at + 2), 16),
  );
}

export function writeRecord(record: LeaseRecord, boot: string): string {
  const { owner, place, client, priority, requestedAt, lost } = record;
  return `${JSON.stringify({
    boot,
    owner,
    place: { ...place, mac: toHex(place.mac) },
    requested: client.requested,
    provided: [...client.provided].map(([code, value]) => [code, toHex(value)]),
    priority,
    ack: toHex(record.ack),
    serverMac: toHex(record.serverMac),
    requestedAt,
    since: String(record.since),
    lost,
  })}\n`;
}

function text(value: unknown): string {
  if (typeof value !== "string" || value === "") throw new TypeError("no text");
  return value;
}

function number(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new TypeError("no number");
  return value;
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw new TypeError("no object");
  return value;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError("no list");
  return value;
}

function readPair(value: unknown): readonly [number, Uint8Array] {
  const [code, bytes] = list(value);
  return [number(code), fromHex(bytes)];
}

function readPlace(value: unknown): Place {
  const place = object(value);
  const namespace = object(place["namespace"]);
  return {
    namespace: { path: text(namespace["path"]), identity: text(namespace["identity"]) },
    ifname: text(place["ifname"]),
    index: number(place["index"]),
    mac: fromHex(place["mac"]),
    needsBroadcast: place["needsBroadcast"] === true,
  };
}

function parse(content: string, boot: string): LeaseRecord | undefined {
  const value = object(JSON.parse(content));
  if (value["boot"] !== boot) return undefined;
  const owner = object(value["owner"]);
  const lost = value["lost"];
  return {
    owner: {
      network: text(owner["network"]),
      containerId: text(owner["containerId"]),
      ifname: text(owner["ifname"]),
    },
    place: readPlace(value["place"]),
    client: {
      requested: list(value["requested"]).map(number),
      provided: new Map(list(value["provided"]).map(readPair)),
    },
    priority: number(value["priority"]),
    ack: fromHex(value["ack"]),
    serverMac: fromHex(value["serverMac"]),
    requestedAt: number(value["requestedAt"]),
    since: BigInt(text(value["since"])),
    ...(typeof lost === "string" ? { lost } : {}),
  };
}

/** The lease in a file; undefined for one of another boot, whose namespaces are gone, and for anything else. */
export function readRecord(content: string, boot: string): LeaseRecord | undefined {
  try {
    const record = parse(content, boot);
    if (record !== undefined) termsOf(record);
    return record;
  } catch (thrown) {
    if (thrown instanceof TypeError || thrown instanceof SyntaxError || thrown instanceof BadTerms)
      return undefined;
    throw thrown;
  }
}

/** What the server granted. Throws BadTerms for a record without a valid ACK. */
export function termsOf({ ack, client }: Pick<LeaseRecord, "ack" | "client">): Terms {
  const message = readMessage(ack);
  if (typeof message === "string") throw new BadTerms(message);
  return readTerms(message, client.requested);
}

/** Whether the namespace of a lease is still the one that its path leads to. */
export const isPlaced = ({ namespace }: Place): boolean =>
  describeNamespace(namespace.path)?.identity === namespace.identity;
