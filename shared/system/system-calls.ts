/**
 * The numbers of the system calls that we make: arch/x86/entry/syscalls/syscall_64.tbl, and of arm64
 * include/uapi/asm-generic/unistd.h. Newer architectures have only the forms with a folder's descriptor (openat and its
 * like), so those are used everywhere.
 */
const x64 = {
  openat: 257,
  close: 3,
  read: 0,
  write: 1,
  lseek: 8,
  fcntl: 72,
  memfd_create: 319,
  flock: 73,
  linkat: 265,
  unlinkat: 263,
  renameat2: 316,
  mkdirat: 258,
  faccessat: 269,
  readlinkat: 267,
  statx: 332,
  utimensat: 280,
  getdents64: 217,
  fstatfs: 138,
  setns: 308,
  socket: 41,
  bind: 49,
  setsockopt: 54,
  getsockopt: 55,
  sendto: 44,
  recvfrom: 45,
  ppoll: 271,
  exit_group: 231,
} as const;

export type SystemCall = keyof typeof x64;

const arm64: Readonly<Record<SystemCall, number>> = {
  openat: 56,
  close: 57,
  read: 63,
  write: 64,
  lseek: 62,
  fcntl: 25,
  memfd_create: 279,
  flock: 32,
  linkat: 37,
  unlinkat: 35,
  renameat2: 276,
  mkdirat: 34,
  faccessat: 48,
  readlinkat: 78,
  statx: 291,
  utimensat: 88,
  getdents64: 61,
  fstatfs: 44,
  setns: 268,
  socket: 198,
  bind: 200,
  setsockopt: 208,
  getsockopt: 209,
  sendto: 206,
  recvfrom: 207,
  ppoll: 73,
  exit_group: 94,
};

export const systemCallNumbers: Readonly<Record<SystemCall, number>> = process.arch === "arm64" ? arm64 : x64;
