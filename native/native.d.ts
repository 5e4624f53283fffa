/**
 * The functions in C that TypeScript lacks (native/*.c), as the property `native` of the global object. Only shared/system/
 * uses them. A wrong argument is a TypeError or a RangeError before anything happens: memory outside of an array is never
 * read or written.
 */

/**
 * System calls, by their names in section 2 of the manual. Each returns what the kernel returned, or the negated errno; EINTR is
 * retried. A `Uint8Array` stands for an address and a length, the array's. Numbers are integers of 32 bits, with or without a
 * sign; places in files, and their lengths, are any safe integer. A text with a NUL inside gives -EINVAL.
 */
interface SystemCalls {
  /** Without the address of the other end. */
  accept4(socket: number, flags: number): number;
  bind(socket: number, address: Uint8Array): number;
  /** Fills in a struct timespec, 16 bytes. */
  clock_gettime(clock: number, time: Uint8Array): number;
  close(descriptor: number): number;
  connect(socket: number, address: Uint8Array): number;
  faccessat(directory: number, path: string, mode: number): number;
  fchmod(descriptor: number, mode: number): number;
  fchmodat(directory: number, path: string, mode: number): number;
  fchownat(directory: number, path: string, user: number, group: number, flags: number): number;
  /** Only commands that take a number. */
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
  /** Returns how many bytes of the value the kernel gave. */
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
  /** Sets of signals, 8 bytes each; the second one is filled in with those that were blocked before. */
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
  unlinkat(directory: number, path: string, flags: number): number;
  /** Two struct timespec, 32 bytes: of access and of modification. */
  utimensat(directory: number, path: string, times: Uint8Array, flags: number): number;
  /** Fills in a wait status, 4 bytes, and what the process has used: a struct rusage, 144 bytes. */
  wait4(process: number, status: Uint8Array, options: number, usage: Uint8Array | null): number;
  write(descriptor: number, bytes: Uint8Array): number;
}

interface Native extends SystemCalls {
  readonly architecture: "x64" | "arm64";
  /**
   * Starts a program whose standard streams are the three descriptors, and which is killed when this process ends. Returns its PID,
   * or the negated errno if it could not be started. `environment` has NAME=value.
   */
  spawn(
    path: string,
    words: readonly string[],
    environment: readonly string[],
    input: number,
    output: number,
    error: number,
  ): number;
  /** A text in UTF-8, as TextEncoder does it. */
  encode(text: string): Uint8Array;
  /** Bytes in UTF-8 as a text, as TextDecoder does it: U+FFFD for what is none, without a byte order mark at the start. */
  decode(bytes: Uint8Array): string;
  /** Bytes as a text, each byte the character of its number. */
  latin1(bytes: Uint8Array): string;
  /** Where bytes stand first at or after `from`, or -1. */
  find(bytes: Uint8Array, wanted: Uint8Array, from: number): number;
  /** The SHA-512 of bytes in lower-case hexadecimal digits. */
  sha512(bytes: Uint8Array): string;
  /**
   * Adds the messages of a datagram, the first `size` of the bytes, to a sum (shared/netlink/dump-sum.ts): two numbers of 64 bits, how
   * many and their total. Returns 1 if the dump ends with it, plus 2 if it was refused, changed meanwhile, or is none.
   */
  sumDump(datagram: Uint8Array, size: number, selection: Int32Array, sum: BigUint64Array): number;
}

declare const native: Native;
