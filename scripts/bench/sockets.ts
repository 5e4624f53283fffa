/**
 * TCP and UDP over IPv4 by bare system calls, in the engine, so that nearly all of the measured time is the kernel's.
 */
import { Errno } from "../../shared/system/errno.ts";
import { SystemError } from "../../shared/system/libc.ts";

/** AF_INET, SOCK_STREAM and SOCK_DGRAM; SOL_SOCKET and its options (asm-generic/socket.h, the same on x86-64 and arm64). */
const [INET, STREAM, DATAGRAM] = [2, 1, 2];
const SOCKET_LEVEL = 1;
const LINGER = 13;
const RECEIVE_TIMEOUT = 20;
const SEND_TIMEOUT = 21;
/** MSG_DONTWAIT. */
const DO_NOT_WAIT = 0x40;
const BACKLOG = 128;

/** Calls the natives directly: wrappers would be a considerable part of the measured time. */
function succeed(name: string, object: string, returned: number): number {
  if (returned < 0) throw new SystemError(name, object, -returned);
  return returned;
}

/** A struct sockaddr_in. */
function socketAddress(address: string, port: number): Uint8Array {
  const host = address.split(".").map(Number);
  return Uint8Array.of(INET, 0, port >> 8, port & 0xff, ...host, 0, 0, 0, 0, 0, 0, 0, 0);
}

/** A struct linger or timeval, from two numbers of C's type `int` or `long`. */
const bytesOf = (numbers: Int32Array | BigInt64Array): Uint8Array => new Uint8Array(numbers.buffer);

/** A close that resets the connection: neither end keeps a closed connection, and its port is free at once. */
const resetOnClose = bytesOf(Int32Array.of(1, 0));
const twoSeconds = bytesOf(BigInt64Array.of(2n, 0n));

/** Makes a socket that listens on all IPv4 addresses of this thread's namespace. */
export function listenOn(port: number): number {
  const listener = succeed("socket", "TCP", native.socket(INET, STREAM, 0));
  succeed("bind", `port ${port}`, native.bind(listener, socketAddress("0.0.0.0", port)));
  succeed("listen", `port ${port}`, native.listen(listener, BACKLOG));
  return listener;
}

/** Connects to `address` from a namespace, accepts at `listener`, and closes both ends. */
export function createConnector(listener: number, address: string, port: number) {
  const target = socketAddress(address, port);
  const where = `${address}, port ${port}`;
  const open = (): number => {
    const client = succeed("socket", where, native.socket(INET, STREAM, 0));
    succeed("setsockopt", where, native.setsockopt(client, SOCKET_LEVEL, LINGER, resetOnClose));
    return client;
  };
  const exchange = (client: number): void => {
    succeed("connect", where, native.connect(client, target));
    const served = succeed("accept4", where, native.accept4(listener, 0));
    native.close(client);
    native.close(served);
  };
  return {
    /** The first connection fails after 2 s without an answer. */
    probe: (): void => {
      const client = open();
      succeed("setsockopt", where, native.setsockopt(client, SOCKET_LEVEL, SEND_TIMEOUT, twoSeconds));
      exchange(client);
    },
    connect: (): void => exchange(open()),
  };
}

/** Makes a TCP connection from this thread's namespace. Returns both ends. */
export function connectTo(listener: number, address: string, port: number): [number, number] {
  const where = `${address}, port ${port}`;
  const client = succeed("socket", where, native.socket(INET, STREAM, 0));
  succeed("setsockopt", where, native.setsockopt(client, SOCKET_LEVEL, SEND_TIMEOUT, twoSeconds));
  succeed("connect", where, native.connect(client, socketAddress(address, port)));
  return [client, succeed("accept4", where, native.accept4(listener, 0))];
}

/** Makes a UDP socket with this address in this thread's namespace. A read waits at most 2 s. */
export function datagramSocket(address: string, port: number): number {
  const where = `${address}, port ${port}`;
  const socket = succeed("socket", where, native.socket(INET, DATAGRAM, 0));
  succeed("bind", where, native.bind(socket, socketAddress(address, port)));
  succeed("setsockopt", where, native.setsockopt(socket, SOCKET_LEVEL, RECEIVE_TIMEOUT, twoSeconds));
  return socket;
}

/** Connects a UDP socket: it sends to one address and receives only from there. */
export function directTo(socket: number, address: string, port: number): void {
  succeed("connect", `${address}, port ${port}`, native.connect(socket, socketAddress(address, port)));
}

/** Sends one datagram of this size from one socket and receives it at the other. */
export function createPasser(bytes: number): (from: number, to: number) => void {
  const data = new Uint8Array(bytes);
  return (from, to) => {
    succeed("sendto", "a datagram", native.sendto(from, data, 0));
    succeed("recvfrom", "a datagram", native.recvfrom(to, data, 0));
  };
}

/** The number of bytes, or 0 if the call would block. */
const bytesMoved = (name: string, returned: number): number =>
  returned === -Errno.EAGAIN ? 0 : succeed(name, "a connection", returned);

/** Fills one end of a TCP connection and drains the other. Returns the bytes read. */
export function createPump(bytes: number): (from: number, to: number) => number {
  const data = new Uint8Array(bytes);
  return (from, to) => {
    bytesMoved("sendto", native.sendto(from, data, DO_NOT_WAIT));
    return bytesMoved("recvfrom", native.recvfrom(to, data, DO_NOT_WAIT));
  };
}
