/** DHCP messages (RFC 2131, section 2), and their options as bytes. Pure. */

/** Option 53, DHCP message type (RFC 2132, section 9.6). */
export const MessageType = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
} as const;

/** Codes of options (RFC 2132, 3397, 3442). */
export const Option = {
  pad: 0,
  subnetMask: 1,
  routers: 3,
  nameServers: 6,
  hostName: 12,
  domainName: 15,
  staticRoutes: 33,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverIdentifier: 54,
  parameterRequestList: 55,
  message: 56,
  maximumSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClass: 60,
  clientIdentifier: 61,
  userClass: 77,
  domainSearch: 119,
  classlessRoutes: 121,
  end: 255,
} as const;

export type Options = ReadonlyMap<number, Uint8Array>;

export interface OutgoingMessage {
  readonly xid: number;
  /** Seconds since the client began (secs). */
  readonly seconds: number;
  readonly mac: Uint8Array;
  /** The client's address if it has one (ciaddr), as a number. */
  readonly clientAddress: number;
  /** Asks for answers by broadcast. */
  readonly broadcast: boolean;
  readonly options: Options;
}

/** The fixed part and the magic cookie. */
const FIXED = 236;
const COOKIE = 0x63825363;
const OPTIONS = FIXED + 4;
/** BOOTP's size, to which relays may expect messages to be padded (RFC 1542, section 2.1). */
const LEAST_SIZE = 300;
const Place = {
  xid: 4,
  seconds: 8,
  flags: 10,
  ciaddr: 12,
  yiaddr: 16,
  chaddr: 28,
  sname: 44,
  file: 108,
} as const;
const LONGEST_OPTION = 255;

/** A longer value goes into several options of the same code (RFC 3396). */
function* pieces(options: Options): Generator<Uint8Array> {
  for (const [code, value] of options) {
    let start = 0;
    do {
      const piece = value.subarray(start, start + LONGEST_OPTION);
      const bytes = new Uint8Array(2 + piece.length);
      bytes[0] = code;
      bytes[1] = piece.length;
      bytes.set(piece, 2);
      yield bytes;
      start += LONGEST_OPTION;
    } while (start < value.length);
  }
}

export function writeMessage(message: OutgoingMessage): Uint8Array {
  const options = [...pieces(message.options), new Uint8Array([Option.end])];
  const size = options.reduce((sum, { length }) => sum + length, OPTIONS);
  const bytes = new Uint8Array(Math.max(size, LEAST_SIZE));
  const view = new DataView(bytes.buffer);
  // A request, Ethernet, six bytes of address.
  bytes.set([1, 1, 6, 0]);
  view.setUint32(Place.xid, message.xid);
  view.setUint16(Place.seconds, Math.min(message.seconds, 0xffff));
  view.setUint16(Place.flags, message.broadcast ? 0x8000 : 0);
  view.setUint32(Place.ciaddr, message.clientAddress);
  bytes.set(message.mac, Place.chaddr);
  view.setUint32(FIXED, COOKIE);
  let at = OPTIONS;
  for (const option of options) {
    bytes.set(option, at);
    at += option.length;
  }
  return bytes;
}

export interface Message {
  readonly xid: number;
  readonly type: number;
  readonly mac: Uint8Array;
  /** The address for the client (yiaddr), as a number. */
  readonly address: number;
  readonly options: Options;
}

/** Adds the options in a part of the message. Values of one code are joined (RFC 3396). Returns the problem, if there is one. */
function readOptions(bytes: Uint8Array, options: Map<number, Uint8Array>): string | undefined {
  for (let at = 0; at < bytes.length; ) {
    const code = bytes[at] ?? 0;
    if (code === Option.end) return undefined;
    if (code === Option.pad) {
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    const end = at + 2 + length;
    if (end > bytes.length) return `its option ${code} runs beyond the end`;
    const value = bytes.subarray(at + 2, end);
    const before = options.get(code);
    if (before === undefined) options.set(code, value);
    else {
      const joined = new Uint8Array(before.length + value.length);
      joined.set(before);
      joined.set(value, before.length);
      options.set(code, joined);
    }
    at = end;
  }
  return undefined;
}

/** Option 52: the fields file and sname have options, too. They follow in this order. */
function readOverload(bytes: Uint8Array, options: Map<number, Uint8Array>): string | undefined {
  const overload = options.get(Option.overload)?.[0] ?? 0;
  const file = overload & 1 ? readOptions(bytes.subarray(Place.file, FIXED), options) : undefined;
  if (file !== undefined) return file;
  return overload & 2 ? readOptions(bytes.subarray(Place.sname, Place.file), options) : undefined;
}

/** Reads an answer of a server. Returns a text that says what is wrong with it. */
export function readMessage(bytes: Uint8Array): Message | string {
  if (bytes.length < OPTIONS) return "it is shorter than a DHCP message";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes[0] !== 2) return "it is not a server's";
  if (view.getUint32(FIXED) !== COOKIE) return "it has no DHCP options";
  const options = new Map<number, Uint8Array>();
  const problem = readOptions(bytes.subarray(OPTIONS), options) ?? readOverload(bytes, options);
  if (problem !== undefined) return problem;
  const type = options.get(Option.messageType);
  if (type?.length !== 1) return "it has no message type";
  return {
    xid: view.getUint32(Place.xid),
    type: type[0] ?? 0,
    mac: bytes.slice(Place.chaddr, Place.chaddr + 6),
    address: view.getUint32(Place.yiaddr),
    options,
  };
}
