/** Sockets beside netlink: streams in the file system, packets of an interface, datagrams. Errors are SystemError. */
import { Errno } from "./errno.ts";
import { closeFile } from "./file.ts";
import { call, SystemError, tryCall } from "./libc.ts";
import { encodeText } from "./text.ts";

const Family = { unix: 1, inet: 2, packet: 17 } as const;
const Type = { stream: 1, datagram: 2, raw: 3 } as const;
const SOL_SOCKET = 1;
const NON_BLOCKING = 0o4000;
const CLOSE_ON_EXEC = 0o2000000;

/** struct sockaddr_un has 108 bytes for the path and its NUL (unix(7)). */
const LONGEST_PATH = 107;

function unixAddress(path: string): Uint8Array {
  const bytes = encodeText(path);
  if (bytes.length > LONGEST_PATH) throw new SystemError("socket", path, Errno.ENAMETOOLONG);
  const address = new Uint8Array(2 + bytes.length + 1);
  address[0] = Family.unix;
  address.set(bytes, 2);
  return address;
}

/** Listens at a path, which must be free. Neither the socket nor its connections block. Returns the descriptor. */
export function listenAt(path: string): number {
  const address = unixAddress(path);
  const socket = call("socket", path, Family.unix, Type.stream | NON_BLOCKING | CLOSE_ON_EXEC, 0);
  try {
    call("bind", path, socket, address);
    call("listen", path, socket, 1024);
    return socket;
  } catch (thrown) {
    closeFile(socket);
    throw thrown;
  }
}

/** A struct timeval of two 64-bit numbers, little-endian. */
function timeval(seconds: number): Uint8Array {
  const whole = Math.min(Math.floor(seconds), 0xffffffff);
  return new Uint8Array(Uint32Array.of(whole, 0, Math.max(1, Math.floor((seconds - whole) * 1e6)), 0).buffer);
}

/**
 * Connects to a path. Returns a descriptor that blocks, or the negated errno. A listener that hangs, and has no more room for callers,
 * is waited for so many seconds; then, as from a send to one that does not read, the errno is EAGAIN.
 */
export function tryConnect(path: string, seconds: number): number {
  const address = unixAddress(path);
  const socket = call("socket", path, Family.unix, Type.stream | CLOSE_ON_EXEC, 0);
  const SO_SNDTIMEO = 21;
  tryCall("setsockopt", socket, SOL_SOCKET, SO_SNDTIMEO, timeval(seconds));
  const failed = tryCall("connect", socket, address);
  if (failed === 0) return socket;
  closeFile(socket);
  return failed;
}

/** The next connection of a listening socket, which does not block. Returns a descriptor, or the negated errno. */
export const tryAccept = (listener: number): number =>
  tryCall("accept4", listener, NON_BLOCKING | CLOSE_ON_EXEC);

/** Makes a descriptor that this process was started with neither block nor be inherited. */
export function adoptSocket(descriptor: number): void {
  const F_SETFD = 2;
  const F_SETFL = 4;
  const FD_CLOEXEC = 1;
  call("fcntl", `descriptor ${descriptor}`, descriptor, F_SETFD, FD_CLOEXEC);
  call("fcntl", `descriptor ${descriptor}`, descriptor, F_SETFL, NON_BLOCKING);
}

const MSG_NOSIGNAL = 0x4000;

/** Sends bytes. Returns how many were taken, or the negated errno. A closed connection raises no signal. */
export const trySend = (socket: number, bytes: Uint8Array): number =>
  tryCall("sendto", socket, bytes, MSG_NOSIGNAL);

/** Receives what is there. Returns the length, 0 at a stream's end, or the negated errno. */
export const tryReceive = (socket: number, buffer: Uint8Array): number =>
  tryCall("recvfrom", socket, buffer, 0);

/** Whether an errno says that nothing is there to be received, or that no room is left to send. */
export const wouldBlock = (result: number): boolean => result === -Errno.EAGAIN;

const SOL_PACKET = 263;

function setFlag(socket: number, level: number, name: number, object: string): void {
  call("setsockopt", object, socket, level, name, new Uint8Array([1, 0, 0, 0]));
}

/** One instruction of a classic filter (struct sock_filter, linux/filter.h). */
export interface FilterStep {
  readonly code: number;
  readonly k: number;
  /** How many instructions to skip if the condition is true, and if not. */
  readonly jt?: number;
  readonly jf?: number;
}

function compileFilter(steps: readonly FilterStep[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(steps.length * 8));
  for (const [index, { code, k, jt = 0, jf = 0 }] of steps.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k, true);
  }
  return new Uint8Array(view.buffer);
}

/** Each frame has a struct virtio_net_hdr before it, both ways (linux/virtio_net.h). */
export const OFFLOAD_HEADER = 10;

/**
 * A socket that sends and receives whole Ethernet frames of one protocol on an interface of this thread's namespace, each behind an
 * OFFLOAD_HEADER. It does not block. The filter sees frames without that header.
 */
export function openPacketSocket(index: number, protocol: number, filter: readonly FilterStep[]): number {
  const object = `interface number ${index}`;
  // Without a protocol it receives nothing before its filter is there.
  const socket = call("socket", object, Family.packet, Type.raw | NON_BLOCKING | CLOSE_ON_EXEC, 0);
  try {
    const PACKET_VNET_HDR = 15;
    setFlag(socket, SOL_PACKET, PACKET_VNET_HDR, object);
    call("attach_filter", object, socket, compileFilter(filter));
    // struct sockaddr_ll: family, protocol in network order, index.
    const address = new DataView(new ArrayBuffer(20));
    address.setUint16(0, Family.packet, true);
    address.setUint16(2, protocol);
    address.setInt32(4, index, true);
    call("bind", object, socket, new Uint8Array(address.buffer));
    return socket;
  } catch (thrown) {
    closeFile(socket);
    throw thrown;
  }
}

function inetAddress(address: number, port: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint16(0, Family.inet, true);
  view.setUint16(2, port);
  view.setUint32(4, address);
  return new Uint8Array(view.buffer);
}

/** Sends one UDP datagram by the routes of this thread's namespace. From that port if it is free. Returns false if it could not be sent. */
export function sendDatagram(
  from: number,
  to: { address: number; port: number },
  bytes: Uint8Array,
): boolean {
  const socket = tryCall("socket", Family.inet, Type.datagram | CLOSE_ON_EXEC, 0);
  if (socket < 0) return false;
  const SO_REUSEADDR = 2;
  tryCall("setsockopt", socket, SOL_SOCKET, SO_REUSEADDR, new Uint8Array([1, 0, 0, 0]));
  tryCall("bind", socket, inetAddress(0, from));
  const isSent =
    tryCall("connect", socket, inetAddress(to.address, to.port)) === 0 && trySend(socket, bytes) >= 0;
  closeFile(socket);
  return isSent;
}
