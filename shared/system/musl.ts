/**
 * musl in the place of glibc. It lacks some of the functions that we call (statx before 1.2.5, renameat2 before 1.2.6,
 * getdents64 by that name): those are made of its syscall(2).
 */

/** Numbers of system calls: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h. */
const numbers =
  process.arch === "arm64"
    ? { getdents64: 61, renameat2: 276, statx: 291 }
    : { getdents64: 217, renameat2: 316, statx: 332 };

type Missing = keyof typeof numbers;
type Signatures<Name extends string> = Readonly<
  Record<Name, { readonly args: readonly number[]; readonly returns: number }>
>;
type Native = (...values: (number | bigint | null)[]) => number | bigint;

/** int64_t, as a number where it fits: FFIType of bun:ffi. */
const long = 15;

/** Five arguments are the most that any of them has; what is given is passed on, and the rest is 0. */
const syscallSignature = { args: [long, long, long, long, long, long], returns: long };

/** The functions of those signatures, from the C library that the run time itself is linked with. */
export function openMusl<Name extends string>(
  signatures: Signatures<Name | Missing>,
): { readonly symbols: Readonly<Record<Name | Missing, Native>> } {
  const { getdents64: _1, renameat2: _2, statx: _3, ...present } = signatures as Signatures<string>;
  // musl takes every name that begins with "libc." for itself: ldso/dynlink.c, load_library.
  const { symbols } = Bun.FFI.dlopen("libc.so", { ...present, syscall: syscallSignature });
  const native = symbols["syscall"] as Native;
  const made = (name: Missing): Native => {
    return (a, b = 0, c = 0, d = 0, e = 0) => native(numbers[name], a ?? 0, b ?? 0, c ?? 0, d ?? 0, e ?? 0);
  };
  return {
    symbols: {
      ...(symbols as Readonly<Record<Name, Native>>),
      getdents64: made("getdents64"),
      renameat2: made("renameat2"),
      statx: made("statx"),
    },
  };
}
