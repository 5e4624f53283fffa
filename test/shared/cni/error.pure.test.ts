import { describe, expect, test } from "vitest";
import { CniError, ErrorCode, explain, messageOf, runAll } from "../../../shared/cni/error.ts";
import { NetlinkError } from "../../../shared/netlink/error.ts";
import { Errno } from "../../../shared/system/errno.ts";
import { SystemError } from "../../../shared/system/libc.ts";

const failing = (error: unknown) => () => {
  throw error;
};

describe("error codes", () => {
  test("are the specification's", () => {
    expect(ErrorCode).toMatchObject({
      incompatibleVersion: 1,
      unsupportedField: 2,
      unknownContainer: 3,
      invalidEnvironment: 4,
      io: 5,
      decode: 6,
      invalidConfiguration: 7,
      tryAgainLater: 11,
      notAvailable: 50,
      notAvailableAndLimited: 51,
    });
  });
});

describe("an error of the kernel", () => {
  const refused = (errno: number) => new NetlinkError({ purpose: "add a link" }, errno, "");

  test.each([
    ["a full table of open files", new SystemError("open", "/x", Errno.ENFILE), 11, /fs\.file-max/],
    ["too many open files", new SystemError("open", "/x", Errno.EMFILE), 11, /LimitNOFILE/],
    ["a read-only file system", new SystemError("open", "/x", Errno.EROFS), 5, /mount it writable/],
    [
      "a read-only /proc/sys",
      new SystemError("open", "/proc/sys/net/ipv4/ip_forward", Errno.EROFS),
      5,
      /net\.ipv4\.ip_forward/,
    ],
    ["a full disk", new SystemError("write", "/x", Errno.ENOSPC), 5, /df -h/],
    ["no permission for netlink", refused(Errno.EPERM), 5, /CAP_NET_ADMIN/],
    ["a feature that the kernel lacks", refused(Errno.EOPNOTSUPP), 50, /lacks a module/],
    ["no memory", refused(Errno.ENOMEM), 11, /memory/],
    ["an interface that vanished", refused(Errno.ENODEV), 11, /removed an interface/],
    ["a value that the kernel does not take", refused(Errno.EINVAL), 999, /^$/],
  ])("has a code and advice: %s", (_what, error, code, details) => {
    expect(explain(error)).toMatchObject({
      code,
      message: error.message,
      details: expect.stringMatching(details),
    });
    expect(messageOf(error)).toContain(error.message);
  });

  test("is like that among several failures", () => {
    const steps = [failing(new SystemError("open", "/x", Errno.EROFS)), failing(refused(Errno.EPERM))];
    expect(() => runAll(steps)).toThrow(
      expect.objectContaining({
        code: 5,
        message: expect.stringMatching(/mount it writable.*CAP_NET_ADMIN/),
      }),
    );
  });

  test("names the interface that it is about", () => {
    const error = new NetlinkError({ purpose: "set up of", index: 7 }, Errno.ENODEV, "");
    expect(error.message).toBe("could not set up of interface number 7: no such device");
    expect(error.named("eth0").message).toBe("could not set up of the interface eth0: no such device");
  });
});

describe("steps that must all be tried", () => {
  test("are all tried, in order, and the failure is thrown after the last", () => {
    const done: number[] = [];
    const failure = new CniError(ErrorCode.io, "second");
    const steps = [() => void done.push(1), failing(failure), () => void done.push(3)];
    expect(() => runAll(steps)).toThrow(failure);
    expect(done).toEqual([1, 3]);
  });

  test("tell of every failure, with the code of the first", () => {
    const steps = [
      failing(new CniError(ErrorCode.io, "first", "because")),
      failing(new Error("second")),
      failing("third"),
    ];
    expect(() => runAll(steps)).toThrow(
      expect.objectContaining({ code: 5, message: "first (because); second; third" }),
    );
  });

  test("have the code for internal errors when the first failure has none", () => {
    const steps = [failing(new Error("a")), failing(new CniError(ErrorCode.io, "b"))];
    expect(() => runAll(steps)).toThrow(expect.objectContaining({ code: 999 }));
  });

  test("that all succeed throw nothing", () => {
    expect(() => runAll([() => undefined, () => undefined])).not.toThrow();
    expect(() => runAll([])).not.toThrow();
  });
});

describe("the words for what was thrown", () => {
  test.each([
    [new CniError(5, "what", "why"), "what (why)"],
    [new CniError(5, "what"), "what"],
    [new TypeError("oops"), "oops"],
    ["text", "text"],
    [undefined, "undefined"],
  ])("%o are %j", (thrown, words) => {
    expect(messageOf(thrown)).toBe(words);
  });
});
