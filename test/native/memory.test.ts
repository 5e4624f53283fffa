import { describe, expect, test } from "vitest";
import { evaluate } from "./evaluate.ts";

const AT_FDCWD = -100;

/** System calls that fill in an array, as expressions of it; what they need stands before. */
const writers: Readonly<Record<string, readonly [size: number, before: string, call: string]>> = {
  clock_gettime: [16, "", "native.clock_gettime(1, bytes)"],
  fstatfs: [120, 'const file = native.openat(-100, "/", 0, 0);', "native.fstatfs(file, bytes)"],
  getcwd: [300, "", "native.getcwd(bytes)"],
  getdents64: [64, 'const folder = native.openat(-100, "/proc", 0, 0);', "native.getdents64(folder, bytes)"],
  getrandom: [33, "", "native.getrandom(bytes, 0)"],
  getsockopt: [3, "const socket = native.socket(1, 2, 0);", "native.getsockopt(socket, 1, 7, bytes)"],
  getrusage: [144, "", "native.getrusage(0, bytes)"],
  pipe2: [8, "", "native.pipe2(bytes, 0)"],
  pread64: [
    17,
    'const file = native.openat(-100, "/proc/self/exe", 0, 0);',
    "native.pread64(file, bytes, 1)",
  ],
  read: [17, 'const file = native.openat(-100, "/dev/zero", 0, 0);', "native.read(file, bytes)"],
  readlinkat: [5, "", 'native.readlinkat(-100, "/proc/self/exe", bytes)'],
  rt_sigprocmask: [8, "const none = new Uint8Array(8);", "native.rt_sigprocmask(0, none, bytes)"],
  statx: [256, "", 'native.statx(-100, "/", 0, 0xfff, bytes)'],
  wait4: [
    4,
    'const pid = native.spawn("/bin/sh", ["sh", "-c", "exit 7"], [], 0, 1, 2);',
    "native.wait4(pid, bytes, 0, null)",
  ],
};

describe("what the kernel writes stays in the array", () => {
  test.each(Object.entries(writers))("%s", async (_, [size, before, call]) => {
    const { returned, around, isWritten } = await evaluate<{
      returned: number;
      around: number[];
      isWritten: boolean;
    }>(`
      const whole = new Uint8Array(${size} + 1024).fill(0xaa);
      const bytes = whole.subarray(512, 512 + ${size});
      ${before}
      const returned = ${call};
      say({ returned, around: [...new Set([...whole.subarray(0, 512), ...whole.subarray(512 + ${size})])], isWritten: bytes.some((byte) => byte !== 0xaa) });`);
    expect(returned).toBeGreaterThanOrEqual(0);
    expect(around).toEqual([0xaa]);
    expect(isWritten).toBe(true);
  });
});

describe("the result of a system call", () => {
  test("is what the kernel returned, or the negated errno", async () => {
    const results = await evaluate(`
      const file = native.openat(${AT_FDCWD}, "/dev/zero", 0, 0);
      say([
        native.getpid() > 1, native.read(file, new Uint8Array(5)), native.read(file, new Uint8Array(0)),
        native.openat(${AT_FDCWD}, "/nonexistent", 0, 0), native.close(12345), native.lseek(file, 2 ** 40, 0),
        native.openat(${AT_FDCWD}, "/proc/self/stat\\0", 0, 0), native.symlinkat("a\\0b", ${AT_FDCWD}, "/nonexistent/x"),
      ]);`);
    expect(results).toEqual([true, 5, 0, -2, -9, 0, -22, -22]);
  });

  test("is as exact as a place in a file of 2^52 bytes and more", async () => {
    const places = await evaluate(`
      const file = native.memfd_create("large", 0);
      const places = [2 ** 32, 2 ** 40 + 1, 2 ** 52 + 3].map((place) => native.lseek(file, place, 0));
      const length = native.ftruncate(file, 2 ** 33 + 5);
      say([...places, length, native.lseek(file, 0, 2), native.lseek(file, -5, 2)]);`);
    expect(places).toEqual([2 ** 32, 2 ** 40 + 1, 2 ** 52 + 3, 0, 2 ** 33 + 5, 2 ** 33]);
  });

  test("of getsockopt is how many bytes there were, of which no more than fit are written", async () => {
    const got = await evaluate(`
      const socket = native.socket(1, 2, 0);
      const value = new Uint8Array(8).fill(0xaa);
      say([native.getsockopt(socket, 1, 3, value), [...value], native.getsockopt(socket, 1, 3, value.subarray(0, 2)), native.getsockopt(socket, 1, 3, new Uint8Array(0))]);`);
    // SO_TYPE is 4 bytes: SOCK_DGRAM, 2.
    expect(got).toEqual([4, [2, 0, 0, 0, 0xaa, 0xaa, 0xaa, 0xaa], 2, 0]);
  });

  test("takes a number above 2^31 as the unsigned one that it is", async () => {
    const failed = await evaluate(
      `say([native.close(0xffffffff), native.openat(0xffffff9c, "/nonexistent", 0, 0)]);`,
    );
    expect(failed).toEqual([-9, -2]);
  });
});

describe("ppoll", () => {
  test("waits for no more descriptors than the array holds", async () => {
    const ready = await evaluate(`
      const file = native.openat(${AT_FDCWD}, "/dev/zero", 0, 0);
      const requests = new Int32Array([file, 1, file, 1, file, 1]);
      const bytes = new Uint8Array(requests.buffer);
      const limit = new Uint8Array(16);
      // Two requests, and 7 bytes of a third one.
      say([native.ppoll(bytes.subarray(0, 23), limit), [...requests].map((each) => each >>> 16), native.ppoll(bytes, limit), native.ppoll(bytes.subarray(0, 7), limit)]);`);
    expect(ready).toEqual([
      2,
      [0, 1, 0, 1, 0, 0].map((each, at) => (at % 2 === 0 ? expect.any(Number) : each)),
      3,
      0,
    ]);
  });
});
