/** TCP over IPv4 by bare system calls, so that the measured time is the kernel's. */
import { describeErrno } from "../../../shared/system/errno.ts";

const { dlopen, ptr: addressOf, read: memory } = Bun.FFI;

/** Types of bun:ffi, by number (FFIType): int32_t, uint32_t, a pointer. */
const int = 5;
const unsigned = 6;
const pointer = 12;

const { symbols } = dlopen("libc.so.6", {
  socket: { args: [int, int, int], returns: int },
  bind: { args: [int, pointer, unsigned], returns: int },
  listen: { args: [int, int], returns: int },
  connect: { args: [int, pointer, unsigned], returns: int },
  accept: { args: [int, pointer, pointer], returns: int },
  setsockopt: { args: [int, int, int, pointer, unsigned], returns: int },
  close: { args: [int], returns: int },
  __errno_location: { args: [], returns: pointer },
});

/** AF_INET and SOCK_STREAM; SOL_SOCKET and its options (asm-generic/socket.h, the same on x86-64 and arm64). */
const [INET, STREAM] = [2, 1];
const SOCKET_LEVEL = 1;
const LINGER = 13;
const SEND_TIMEOUT = 21;
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
