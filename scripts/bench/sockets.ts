/** TCP and UDP over IPv4 by bare system calls, in the engine, so that the measured time is the kernel's. */
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

/** The natives are called without what is between: it would be a good part of the measured time. */
function succeed(name: string, object: string, returned: number): number {
  if (returned < 0) throw new SystemError(name, object, -returned);
  return returned;
}

/** A struct sockaddr_in. */
function socketAddress(address: string, port: number): Uint8Array {
  const host = address.split(".").map(Number);
  return Uint8Array.of(INET, 0, port >> 8, port & 0xff, ...host, 0, 0, 0, 0, 0, 0, 0, 0);
}

/** A struct linger or timeval: two numbers of the C library's `int` or `long`. */
const bytesOf = (numbers: Int32Array | BigInt64Array): Uint8Array => new Uint8Array(numbers.buffer);

/** A close that resets the connection: neither end keeps a closed connection, and its port is free again. */
const resetOnClose = bytesOf(Int32Array.of(1, 0));
const twoSeconds = bytesOf(BigInt64Array.of(2n, 0n));

/** A socket that listens on all IPv4 addresses of the namespace that this thread is in. */
export function listenOn(port: number): number {
  const listener = succeed("socket", "TCP", native.socket(INET, STREAM, 0));
  succeed("bind", `port ${port}`, native.bind(listener, socketAddress("0.0.0.0", port)));
  succeed("listen", `port ${port}`, native.listen(listener, BACKLOG));
  return listener;
}

/** Makes one connection to `address`, takes it from `listener`, and closes it, from a namespace's client side. */
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
    /** The first connection: fails after 2 s, when nothing answers. */
    probe: (): void => {
      const client = open();
      succeed("setsockopt", where, native.setsockopt(client, SOCKET_LEVEL, SEND_TIMEOUT, twoSeconds));
      exchange(client);
    },
    connect: (): void => exchange(open()),
  };
}

/** Makes a TCP connection from the namespace that this thread is in; returns both ends. */
export function connectTo(listener: number, address: string, port: number): [number, number] {
  const where = `${address}, port ${port}`;
  const client = succeed("socket", where, native.socket(INET, STREAM, 0));
  succeed("setsockopt", where, native.setsockopt(client, SOCKET_LEVEL, SEND_TIMEOUT, twoSeconds));
  succeed("connect", where, native.connect(client, socketAddress(address, port)));
  return [client, succeed("accept4", where, native.accept4(listener, 0))];
}

/** Makes a UDP socket with this address, in the namespace that this thread is in; it waits at most 2 s for a datagram. */
export function datagramSocket(address: string, port: number): number {
  const where = `${address}, port ${port}`;
  const socket = succeed("socket", where, native.socket(INET, DATAGRAM, 0));
  succeed("bind", where, native.bind(socket, socketAddress(address, port)));
  succeed("setsockopt", where, native.setsockopt(socket, SOCKET_LEVEL, RECEIVE_TIMEOUT, twoSeconds));
  return socket;
}

/** Makes a UDP socket send to one address, and take datagrams from there only. */
export function directTo(socket: number, address: string, port: number): void {
  succeed("connect", `${address}, port ${port}`, native.connect(socket, socketAddress(address, port)));
}

/** Sends one datagram of so many bytes from one socket, and takes it from the other. */
export function createPasser(bytes: number): (from: number, to: number) => void {
  const data = new Uint8Array(bytes);
  return (from, to) => {
    succeed("sendto", "a datagram", native.sendto(from, data, 0));
    succeed("recvfrom", "a datagram", native.recvfrom(to, data, 0));
  };
}

/** The count of bytes, or nothing where the call would have to wait. */
const bytesMoved = (name: string, returned: number): number =>
  returned === -Errno.EAGAIN ? 0 : succeed(name, "a connection", returned);

/** Sends what the one end of a TCP connection takes, and reads what has come at the other; returns the bytes read. */
export function createPump(bytes: number): (from: number, to: number) => number {
  const data = new Uint8Array(bytes);
  return (from, to) => {
    bytesMoved("sendto", native.sendto(from, data, DO_NOT_WAIT));
    return bytesMoved("recvfrom", native.recvfrom(to, data, DO_NOT_WAIT));
  };
}
