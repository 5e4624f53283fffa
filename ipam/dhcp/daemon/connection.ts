/** A caller's connection: net/rpc over HTTP. Its calls are answered one after the other. */
import { CniError, ErrorCode, explain, messageOf } from "../../../shared/cni/error.ts";
import { closeFile } from "../../../shared/system/file.ts";
import { tryReceive, trySend, wouldBlock } from "../../../shared/system/socket.ts";
import { bytesText, encodeText } from "../../../shared/system/text.ts";
import { GobError, GobReader } from "../rpc/gob-reader.ts";
import { emptyType, type GobObject, type GobStruct, responseType } from "../rpc/gob-types.ts";
import { GobWriter } from "../rpc/gob-writer.ts";
import { endOfHead, LONGEST_HEAD, WELCOME } from "../rpc/wire.ts";
import { log } from "./log.ts";

export interface Reply {
  readonly type: GobStruct;
  readonly value: GobObject;
}

export const nothing: Reply = { type: emptyType, value: {} };

/** Answers a call. Returns false if the caller is gone. */
export type Answer = (outcome: Reply | CniError) => boolean;

/** Handles a call. Returns what is to be done if the caller goes before it is answered. Throws CniError. */
export type Handle = (method: string, parameters: GobObject, answer: Answer) => (() => void) | undefined;

const buffer = new Uint8Array(65536);

export class Connection {
  readonly socket: number;
  private readonly handle: Handle;
  private readonly reader = new GobReader();
  private readonly writer = new GobWriter();
  /** HTTP's head until it is complete. */
  private head: string | undefined = "";
  private request: GobObject | undefined;
  private isBusy = false;
  private abandon: (() => void) | undefined;
  isOpen = true;

  constructor(socket: number, handle: Handle) {
    this.socket = socket;
    this.handle = handle;
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    closeFile(this.socket);
    const { abandon } = this;
    this.abandon = undefined;
    abandon?.();
  }

  /** To be called when the socket is readable. */
  onReadable(): void {
    const length = tryReceive(this.socket, buffer);
    if (wouldBlock(length)) return;
    if (length <= 0) {
      this.close();
      return;
    }
    try {
      this.add(buffer.subarray(0, length));
      this.proceed();
    } catch (thrown) {
      // One caller must not end the daemon, whatever it sends.
      log(`a caller was not understood: ${messageOf(thrown)}`);
      this.close();
    }
  }

  private add(bytes: Uint8Array): void {
    if (this.head === undefined) {
      this.reader.add(bytes.slice());
      return;
    }
    const text = this.head + bytesText(bytes);
    const end = endOfHead(text);
    if (end < 0) {
      if (text.length > LONGEST_HEAD) throw new GobError("its HTTP request is too long");
      this.head = text;
      return;
    }
    if (!text.startsWith("CONNECT /_goRPC_ ")) {
      this.send(encodeText("HTTP/1.0 405 Method Not Allowed\r\n\r\n"));
      throw new GobError("it speaks HTTP, but not Go's RPC");
    }
    this.head = undefined;
    this.send(encodeText(WELCOME));
    this.reader.add(Uint8Array.from(text.slice(end), (character) => character.charCodeAt(0)));
  }

  private send(bytes: Uint8Array): boolean {
    // An answer is smaller than the buffer of an idle socket, 208 KB.
    return this.isOpen && trySend(this.socket, bytes) === bytes.length;
  }

  private proceed(): void {
    while (this.isOpen && !this.isBusy && this.head === undefined) {
      const value = this.reader.next();
      if (value === undefined) return;
      if (this.request === undefined) this.request = value;
      else this.call(this.request, value);
    }
  }

  private call(request: GobObject, parameters: GobObject): void {
    this.request = undefined;
    this.isBusy = true;
    const answer: Answer = (outcome) => {
      this.abandon = undefined;
      this.isBusy = false;
      return this.respond(request, outcome);
    };
    const { ServiceMethod: method } = request;
    try {
      const abandon = this.handle(typeof method === "string" ? method : "", parameters, answer);
      if (this.isBusy) this.abandon = abandon;
    } catch (thrown) {
      answer(asError(thrown));
    }
  }

  private respond({ ServiceMethod, Seq }: GobObject, outcome: Reply | CniError): boolean {
    const failure = outcome instanceof CniError ? fieldsOf(outcome) : {};
    const { type, value } = outcome instanceof CniError ? nothing : outcome;
    const head = this.writer.write(responseType, { ServiceMethod, Seq, ...failure });
    const body = this.writer.write(type, value);
    const bytes = new Uint8Array(head.length + body.length);
    bytes.set(head);
    bytes.set(body, head.length);
    if (this.send(bytes)) return true;
    this.close();
    return false;
  }
}

function asError(thrown: unknown): CniError {
  const known = explain(thrown);
  if (known instanceof CniError) return known;
  return new CniError(ErrorCode.internal, messageOf(thrown), "");
}

/** The reference plugin shows `Error` alone. */
const fieldsOf = (error: CniError): GobObject => ({
  Error: messageOf(error),
  Code: error.code,
  Message: error.message,
  Details: error.details,
});
