/** A connection to the system's message bus. Calls wait for their answers, one after the other. */
import { CniError, ErrorCode } from "../../../shared/cni/error.ts";
import { monotonicMilliseconds } from "../../../shared/system/clock.ts";
import { describeErrno, Errno } from "../../../shared/system/errno.ts";
import { closeFile } from "../../../shared/system/file.ts";
import { userId } from "../../../shared/system/own-process.ts";
import { waitForInput } from "../../../shared/system/poll.ts";
import { tryConnect, tryReceive, trySend } from "../../../shared/system/socket.ts";
import { decodeText, encodeText } from "../../../shared/system/text.ts";
import {
  type Answer,
  MalformedMessage,
  type Method,
  messageLength,
  methodCall,
  readAnswer,
} from "./message.ts";

/** As other clients of D-Bus wait. */
const LIMIT_SECONDS = 25;

/** The line that ends the authentication has an identifier of 32 characters. */
const LONGEST_LINE = 1000;

/** "Well-known Message Bus Instances". */
const DEFAULT_PATH = "/run/dbus/system_bus_socket";

/** The socket of the bus: by DBUS_SYSTEM_BUS_ADDRESS if that names one. */
export function busPath(environment: Readonly<Record<string, string>>): string {
  const [, path] = /^unix:path=([^,;]+)/.exec(environment["DBUS_SYSTEM_BUS_ADDRESS"] ?? "") ?? [];
  return path ?? DEFAULT_PATH;
}

export const bus: Omit<Method, "member"> = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
};

const absent: readonly number[] = [Errno.ENOENT, Errno.ECONNREFUSED, Errno.ENOTDIR];

/** The bus is there, and does not do what it is asked to do. */
function unusable(path: string, problem: string): CniError {
  const advice = "firewalld is asked by it; see: systemctl status dbus firewalld";
  return new CniError(
    ErrorCode.tryAgainLater,
    `the message bus at ${path} cannot be used: ${problem}`,
    advice,
  );
}

export class BusConnection {
  readonly #path: string;
  readonly #socket: number;
  readonly #deadline = monotonicMilliseconds() + LIMIT_SECONDS * 1000;
  readonly #buffer = new Uint8Array(16384);
  #received = new Uint8Array(0);
  #serial = 0;

  private constructor(path: string, socket: number) {
    this.#path = path;
    this.#socket = socket;
  }

  /** Connects, and says who calls. Undefined where no bus runs. Throws CniError code 11. */
  static open(path: string): BusConnection | undefined {
    const socket = tryConnect(path, LIMIT_SECONDS);
    if (socket < 0 && absent.includes(-socket)) return undefined;
    if (socket < 0) throw unusable(path, describeErrno(-socket));
    const connection = new BusConnection(path, socket);
    try {
      connection.#authenticate();
      return connection;
    } catch (thrown) {
      connection.close();
      throw thrown;
    }
  }

  close(): void {
    closeFile(this.#socket);
  }

  /** "Authentication Protocol": the bus compares the user with what the kernel says. */
  #authenticate(): void {
    const user = [...String(userId())].map((digit) => digit.charCodeAt(0).toString(16)).join("");
    this.#send(encodeText(`\0AUTH EXTERNAL ${user}\r\n`));
    const NEW_LINE = 10;
    while (!this.#received.includes(NEW_LINE)) {
      if (this.#received.length > LONGEST_LINE) throw unusable(this.#path, "another program listens there");
      this.#receive();
    }
    const line = decodeText(this.#received);
    if (!line.startsWith("OK "))
      throw unusable(this.#path, `it refuses the user: ${line.trim().slice(0, 100)}`);
    this.#received = new Uint8Array(0);
    this.#send(encodeText("BEGIN\r\n"));
    this.call({ ...bus, member: "Hello" });
  }

  #send(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0; ) {
      const sent = trySend(this.#socket, rest);
      if (sent < 0) throw unusable(this.#path, describeErrno(-sent));
      rest = rest.subarray(sent);
    }
  }

  #receive(): void {
    const left = this.#deadline - monotonicMilliseconds();
    if (left <= 0 || !waitForInput(this.#socket, this.#path, left))
      throw unusable(this.#path, `it gave no answer within ${LIMIT_SECONDS} s`);
    const length = tryReceive(this.#socket, this.#buffer);
    if (length <= 0)
      throw unusable(this.#path, length === 0 ? "it ended the connection" : describeErrno(-length));
    const joined = new Uint8Array(this.#received.length + length);
    joined.set(this.#received);
    joined.set(this.#buffer.subarray(0, length), this.#received.length);
    this.#received = joined;
  }

  /** The next whole message. */
  #next(): Uint8Array {
    for (;;) {
      const length = messageLength(this.#received);
      if (length !== undefined && this.#received.length >= length) {
        const message = this.#received.slice(0, length);
        this.#received = this.#received.slice(length);
        return message;
      }
      this.#receive();
    }
  }

  /** Calls a method with texts. Errors of the called are answers. Throws CniError code 11. */
  call(method: Method, ...words: readonly string[]): Answer {
    const serial = ++this.#serial;
    this.#send(methodCall(method, words, serial));
    try {
      for (;;) {
        const answer = readAnswer(this.#next());
        if (answer?.serial === serial) return answer;
      }
    } catch (thrown) {
      if (thrown instanceof MalformedMessage)
        throw unusable(this.#path, `its answer is wrong: ${thrown.message}`);
      throw thrown;
    }
  }
}
