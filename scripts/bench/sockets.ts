/** TCP and UDP over IPv4 by bare system calls, so that the measured time is the kernel's. */
import { describeErrno, Errno } from "../../shared/system/errno.ts";

const { dlopen, ptr: addressOf, read: memory } = Bun.FFI;

/** Types of bun:ffi, by number (FFIType): int32_t, uint32_t, uint64_t, int64_t as a number, a pointer. */
const int = 5;
const unsigned = 6;
const size = 8;
const long = 15;
const pointer = 12;

const { symbols } = dlopen("libc.so.6", {
  socket: { args: [int, int, int], returns: int },
  bind: { args: [int, pointer, unsigned], returns: int },
  listen: { args: [int, int], returns: int },
  connect: { args: [int, pointer, unsigned], returns: int },
  accept: { args: [int, pointer, pointer], returns: int },
  setsockopt: { args: [int, int, int, pointer, unsigned], returns: int },
  send: { args: [int, pointer, size, int], returns: long },
  recv: { args: [int, pointer, size, int], returns: long },
  close: { args: [int], returns: int },
  __errno_location: { args: [], returns: pointer },
});

/** AF_INET, SOCK_STREAM and SOCK_DGRAM; SOL_SOCKET and its options (asm-generic/socket.h, the same on x86-64 and arm64). */
const [INET, STREAM, DATAGRAM] = [2, 1, 2];
const SOCKET_LEVEL = 1;
const LINGER = 13;
const RECEIVE_TIMEOUT = 20;
const SEND_TIMEOUT = 21;
/** MSG_DONTWAIT. */
const DO_NOT_WAIT = 0x40;
const BACKLOG = 128;

const errno = Number(symbols.__errno_location());

function succeed(call: string, returned: number | bigint): number {
  if (returned >= 0) return Number(returned);
  throw new Error(`${call}: ${describeErrno(memory.i32(errno, 0))}`);
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
  const listener = succeed("socket", symbols.socket(INET, STREAM, 0));
  const address = socketAddress("0.0.0.0", port);
  succeed(`bind to port ${port}`, symbols.bind(listener, addressOf(address), address.length));
  succeed("listen", symbols.listen(listener, BACKLOG));
  return listener;
}

/** Makes one connection to `address`, takes it from `listener`, and closes it, from a namespace's client side. */
export function createConnector(listener: number, address: string, port: number) {
  const target = socketAddress(address, port);
  const [targetPointer, lingerPointer] = [addressOf(target), addressOf(resetOnClose)];
  const open = (): number => {
    const client = succeed("socket", symbols.socket(INET, STREAM, 0));
    succeed("SO_LINGER", symbols.setsockopt(client, SOCKET_LEVEL, LINGER, lingerPointer, 8));
    return client;
  };
  const exchange = (client: number): void => {
    const where = `connect to ${address}, port ${port}`;
    succeed(where, symbols.connect(client, targetPointer, target.length));
    const served = succeed("accept", symbols.accept(listener, null, null));
    symbols.close(client);
    symbols.close(served);
  };
  return {
    /** The first connection: fails after 2 s, when nothing answers. */
    probe: (): void => {
      const client = open();
      const limit = addressOf(twoSeconds);
      succeed("SO_SNDTIMEO", symbols.setsockopt(client, SOCKET_LEVEL, SEND_TIMEOUT, limit, 16));
      exchange(client);
    },
    connect: (): void => exchange(open()),
    /** Keeps the bytes that the kernel reads where they are, for as long as the connector is used. */
    target,
  };
}

/** Makes a TCP connection from the namespace that this thread is in; returns both ends. */
export function connectTo(listener: number, address: string, port: number): [number, number] {
  const client = succeed("socket", symbols.socket(INET, STREAM, 0));
  const limit = addressOf(twoSeconds);
  succeed("SO_SNDTIMEO", symbols.setsockopt(client, SOCKET_LEVEL, SEND_TIMEOUT, limit, 16));
  const target = socketAddress(address, port);
  succeed(`connect to ${address}, port ${port}`, symbols.connect(client, addressOf(target), target.length));
  return [client, succeed("accept", symbols.accept(listener, null, null))];
}

/** Makes a UDP socket with this address, in the namespace that this thread is in; it waits at most 2 s for a datagram. */
export function datagramSocket(address: string, port: number): number {
  const socket = succeed("socket", symbols.socket(INET, DATAGRAM, 0));
  const own = socketAddress(address, port);
  succeed(`bind to ${address}, port ${port}`, symbols.bind(socket, addressOf(own), own.length));
  const limit = addressOf(twoSeconds);
  succeed("SO_RCVTIMEO", symbols.setsockopt(socket, SOCKET_LEVEL, RECEIVE_TIMEOUT, limit, 16));
  return socket;
}

/** Makes a UDP socket send to one address, and take datagrams from there only. */
export function directTo(socket: number, address: string, port: number): void {
  const target = socketAddress(address, port);
  succeed(`connect to ${address}, port ${port}`, symbols.connect(socket, addressOf(target), target.length));
}

/** Sends one datagram of so many bytes from one socket, and takes it from the other. */
export function createPasser(bytes: number): (from: number, to: number) => void {
  const data = addressOf(new Uint8Array(bytes));
  return (from, to) => {
    succeed("send", symbols.send(from, data, bytes, 0));
    succeed("recv", symbols.recv(to, data, bytes, 0));
  };
}

/** The count of bytes, or nothing where the call would have to wait. */
function bytesMoved(call: string, returned: number | bigint): number {
  if (returned < 0 && memory.i32(errno, 0) === Errno.EAGAIN) return 0;
  return succeed(call, returned);
}

/** Sends what the one end of a TCP connection takes, and reads what has come at the other; returns the bytes read. */
export function createPump(bytes: number): (from: number, to: number) => number {
  const data = addressOf(new Uint8Array(bytes));
  return (from, to) => {
    bytesMoved("send", symbols.send(from, data, bytes, DO_NOT_WAIT));
    return bytesMoved("recv", symbols.recv(to, data, bytes, DO_NOT_WAIT));
  };
}
