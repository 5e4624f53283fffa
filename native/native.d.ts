/**
 * The C functions (native/*.c) as the property `native` of the global object. Only shared/system/ uses them. A wrong
 * argument throws TypeError or RangeError before the function does anything: no function accesses memory outside of an
 * array.
 */

/**
 * System calls, named as in section 2 of the manual. Each returns the kernel's result or the negated errno; EINTR is
 * retried, 1000 times at most. A `Uint8Array` stands for an address and its length. Numbers are 32-bit integers, signed or unsigned; file
 * offsets and lengths are safe integers. A text with a NUL gives -EINVAL.
 */
interface SystemCalls {
  /** Without the peer's address. */
  accept4(socket: number, flags: number): number;
  /** setsockopt(2) with SO_ATTACH_FILTER: an array of struct sock_filter, 8 bytes each. */
  attach_filter(socket: number, program: Uint8Array): number;
  bind(socket: number, address: Uint8Array): number;
  /** Fills in a struct timespec, 16 bytes. */
  clock_gettime(clock: number, time: Uint8Array): number;
  close(descriptor: number): number;
  connect(socket: number, address: Uint8Array): number;
  faccessat(directory: number, path: string, mode: number): number;
  fchmod(descriptor: number, mode: number): number;
  fchmodat(directory: number, path: string, mode: number): number;
  fchownat(directory: number, path: string, user: number, group: number, flags: number): number;
  /** Only commands with a number as argument. */
  fcntl(descriptor: number, command: number, value: number): number;
  flock(descriptor: number, operation: number): number;
  /** Fills in a struct statfs, 120 bytes. */
  fstatfs(descriptor: number, status: Uint8Array): number;
  fsync(descriptor: number): number;
  ftruncate(descriptor: number, length: number): number;
  getcwd(path: Uint8Array): number;
  getdents64(descriptor: number, entries: Uint8Array): number;
  geteuid(): number;
  getpid(): number;
  getppid(): number;
  getrandom(bytes: Uint8Array, flags: number): number;
  /** Fills in a struct rusage, 144 bytes. */
  getrusage(who: number, usage: Uint8Array): number;
  /** Returns the size of the value that the kernel wrote. */
  getsockopt(socket: number, level: number, name: number, value: Uint8Array): number;
  kill(process: number, signal: number): number;
  linkat(fromDirectory: number, from: string, toDirectory: number, to: string, flags: number): number;
  listen(socket: number, backlog: number): number;
  lseek(descriptor: number, offset: number, whence: number): number;
  memfd_create(name: string, flags: number): number;
  mkdirat(directory: number, path: string, mode: number): number;
  openat(directory: number, path: string, flags: number, mode: number): number;
  pidfd_open(process: number, flags: number): number;
  pidfd_send_signal(descriptor: number, signal: number): number;
  /** Fills in two descriptors, 8 bytes. */
  pipe2(descriptors: Uint8Array, flags: number): number;
  /** An array of struct pollfd, 8 bytes each, and a struct timespec, or null to wait without limit. */
  ppoll(descriptors: Uint8Array, limit: Uint8Array | null): number;
  pread64(descriptor: number, bytes: Uint8Array, position: number): number;
  read(descriptor: number, bytes: Uint8Array): number;
  readlinkat(directory: number, path: string, target: Uint8Array): number;
  recvfrom(socket: number, bytes: Uint8Array, flags: number): number;
  renameat2(fromDirectory: number, from: string, toDirectory: number, to: string, flags: number): number;
  /** Sets of signals, 8 bytes each. The second one receives the former set. */
  rt_sigprocmask(how: number, signals: Uint8Array, before: Uint8Array | null): number;
  sendto(socket: number, bytes: Uint8Array, flags: number): number;
  setns(descriptor: number, kind: number): number;
  setsockopt(socket: number, level: number, name: number, value: Uint8Array): number;
  signalfd4(descriptor: number, signals: Uint8Array, flags: number): number;
  socket(domain: number, type: number, protocol: number): number;
  /** Fills in a struct statx, 256 bytes. */
  statx(directory: number, path: string, flags: number, mask: number, status: Uint8Array): number;
  symlinkat(target: string, directory: number, path: string): number;
  /** TCGETS of ioctl_tty(2). Fills in a struct termios, 36 bytes. */
  tcgets(descriptor: number, attributes: Uint8Array): number;
  /** Of an open /dev/net/tun (Documentation/networking/tuntap.rst): the group that may attach to its interface. */
  tunsetgroup(descriptor: number, group: number): number;
  /** Makes the interface of a struct ifreq, 40 bytes. */
  tunsetiff(descriptor: number, request: Uint8Array): number;
  /** The user that may attach to it. */
  tunsetowner(descriptor: number, user: number): number;
  /** 1: the interface stays when the descriptor is closed. */
  tunsetpersist(descriptor: number, on: number): number;
  unlinkat(directory: number, path: string, flags: number): number;
  /** Two struct timespec, 32 bytes: access time and modification time. */
  utimensat(directory: number, path: string, times: Uint8Array, flags: number): number;
  /** Fills in a wait status, 4 bytes, and the process's usage: a struct rusage, 144 bytes. */
  wait4(process: number, status: Uint8Array, options: number, usage: Uint8Array | null): number;
  write(descriptor: number, bytes: Uint8Array): number;
}

interface Native extends SystemCalls {
  readonly architecture: "x64" | "arm64";
  /**
   * Starts a program with the three descriptors as its standard streams. The kernel kills it when this process ends.
   * Returns its PID, or the negated errno. `environment` has NAME=value. `leadsGroup`: it leads a process group of its own.
   */
  spawn(
    path: string,
    words: readonly string[],
    environment: readonly string[],
    input: number,
    output: number,
    error: number,
    leadsGroup?: boolean,
  ): number;
  /** Encodes a text as UTF-8, like TextEncoder. */
  encode(text: string): Uint8Array;
  /**
   * Decodes UTF-8, like TextDecoder: U+FFFD replaces invalid bytes, and a byte order mark at the start is dropped.
   */
  decode(bytes: Uint8Array): string;
  /** Bytes as a text: each byte becomes the character of its number. */
  latin1(bytes: Uint8Array): string;
  /** The first position of the bytes at or after `from`, or -1. */
  find(bytes: Uint8Array, wanted: Uint8Array, from: number): number;
  /** The SHA-512 of bytes as lower-case hexadecimal digits. */
  sha512(bytes: Uint8Array): string;
  /**
   * Adds the messages in the first `size` bytes of a datagram to a sum (shared/netlink/dump-sum.ts): two 64-bit
   * numbers, the count and the total. Returns bit 1 if the dump ends with this datagram, and bit 2 if the dump failed,
   * was interrupted by a change, or is malformed.
   */
  sumDump(datagram: Uint8Array, size: number, selection: Int32Array, sum: BigUint64Array): number;
}

declare const native: Native;
