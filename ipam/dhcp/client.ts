/** Calls of the daemon. */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { LIST_TIME } from "../../shared/cni/valid-attachments.ts";
import { absolutePath } from "../../shared/system/absolute-path.ts";
import { monotonicMilliseconds } from "../../shared/system/clock.ts";
import { describeErrno, Errno } from "../../shared/system/errno.ts";
import { closeFile } from "../../shared/system/file.ts";
import { waitForInput } from "../../shared/system/poll.ts";
import { tryConnect, tryReceive, trySend, wouldBlock } from "../../shared/system/socket.ts";
import { bytesText, encodeText } from "../../shared/system/text.ts";
import { GobError, GobReader } from "./rpc/gob-reader.ts";
import { argumentsType, type GobObject, requestType } from "./rpc/gob-types.ts";
import { GobWriter } from "./rpc/gob-writer.ts";
import { endOfHead, GREETING, isUnknownMethod, LONGEST_HEAD, type Method } from "./rpc/wire.ts";

/** The daemon gives up after 208 s by default. */
const DEFAULT_LIMIT_SECONDS = 240;

export const startAdvice = (path: string): string =>
  `start it: "systemctl start cni-dhcp.socket", or as root "dhcp daemon${path === "/run/cni/dhcp.sock" ? "" : ` -socketpath ${path}`}"; "ipam.daemonSocketPath" names its socket`;

type MethodName = (typeof Method)[keyof typeof Method];

/**
 * The daemon is not there, or does not answer. `hasEnded`: it has ended the conversation, and may have done before what it was asked for.
 * A daemon that hangs sees later that its caller is gone.
 */
export class Unreachable extends CniError {
  readonly hasEnded: boolean;

  constructor(path: string, problem: string, hasEnded = true) {
    super(
      ErrorCode.tryAgainLater,
      `the DHCP daemon does not answer at ${path}: ${problem}`,
      startAdvice(path),
    );
    this.hasEnded = hasEnded;
  }
}

const absentDaemon: readonly number[] = [Errno.ENOENT, Errno.ECONNREFUSED, Errno.ENOTDIR];

function connect(path: string, seconds: number): number {
  const socket = tryConnect(path, seconds);
  if (socket >= 0) return socket;
  if (wouldBlock(socket)) throw new Unreachable(path, `it accepted no caller within ${seconds} s`, false);
  const isAbsent = absentDaemon.includes(-socket);
  throw new Unreachable(path, isAbsent ? "it does not run" : describeErrno(-socket), false);
}

/** A conversation. Each of its waits ends at one time. */
class Conversation {
  private readonly path: string;
  private readonly socket: number;
  private readonly deadline: number;
  private readonly seconds: number;
  private readonly buffer = new Uint8Array(16384);

  constructor(path: string, seconds: number) {
    this.path = path;
    this.seconds = seconds;
    this.socket = connect(path, seconds);
    this.deadline = monotonicMilliseconds() + seconds * 1000;
  }

  send(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0; ) {
      const sent = trySend(this.socket, rest);
      if (sent < 0) throw new Unreachable(this.path, describeErrno(-sent));
      rest = rest.subarray(sent);
    }
  }

  receive(): Uint8Array {
    const left = this.deadline - monotonicMilliseconds();
    if (left <= 0 || !waitForInput(this.socket, this.path, left))
      throw new Unreachable(this.path, `it gave no answer within ${this.seconds} s`, false);
    const length = tryReceive(this.socket, this.buffer);
    if (length > 0) return this.buffer.subarray(0, length);
    throw new Unreachable(this.path, length === 0 ? "it ended the connection" : describeErrno(-length));
  }

  close(): void {
    closeFile(this.socket);
  }
}

function greet(conversation: Conversation, path: string, reader: GobReader): void {
  conversation.send(encodeText(GREETING));
  let text = "";
  while (endOfHead(text) < 0 && text.length <= LONGEST_HEAD) text += bytesText(conversation.receive());
  if (endOfHead(text) < 0 || !/^HTTP\/1\.[01] 200 Connected to Go RPC/.test(text))
    throw new Unreachable(path, "another program listens there, which is no DHCP daemon");
  const rest = text.slice(endOfHead(text));
  reader.add(Uint8Array.from(rest, (character) => character.charCodeAt(0)));
}

function nextValue(conversation: Conversation, reader: GobReader): GobObject {
  for (;;) {
    const value = reader.next();
    if (value !== undefined) return value;
    reader.add(conversation.receive());
  }
}

function argumentsOf(request: Request): GobObject {
  const { containerId, ifname, netns, args, path, input, environment } = request;
  return {
    ContainerID: containerId,
    // The daemon may run in another folder.
    Netns: netns === "" ? "" : absolutePath(netns),
    IfName: ifname,
    Args: args,
    Path: path.join(":"),
    StdinData: input,
    ListTime: environment[LIST_TIME],
  };
}

/** The error in a response. Only podwire's daemon sends code and advice. */
function failureOf(head: GobObject, error: string): CniError {
  const { Code: code, Message: message, Details: details } = head;
  if (typeof code !== "number" || typeof message !== "string") {
    return new CniError(ErrorCode.internal, `the DHCP daemon refused: ${error}`, "its log says more");
  }
  return new CniError(code, message, typeof details === "string" ? details : "");
}

/**
 * Calls a method of the daemon at a path. Returns its reply; undefined if the daemon lacks the method, as the reference plugin's does.
 * Throws Unreachable, and what the daemon answers.
 */
export function callDaemon(request: Request, path: string, method: MethodName): GobObject | undefined {
  const seconds = Number(request.environment["PODWIRE_DELEGATE_TIMEOUT"] ?? DEFAULT_LIMIT_SECONDS);
  const conversation = new Conversation(path, seconds > 0 ? seconds : DEFAULT_LIMIT_SECONDS);
  try {
    const reader = new GobReader();
    greet(conversation, path, reader);
    const writer = new GobWriter();
    conversation.send(writer.write(requestType, { ServiceMethod: method }));
    conversation.send(writer.write(argumentsType, argumentsOf(request)));
    const head = nextValue(conversation, reader);
    const error = head["Error"];
    if (typeof error !== "string" || error === "") return nextValue(conversation, reader);
    if (isUnknownMethod(error)) return undefined;
    throw failureOf(head, error);
  } catch (thrown) {
    if (thrown instanceof GobError) throw new Unreachable(path, thrown.message);
    throw thrown;
  } finally {
    conversation.close();
  }
}
