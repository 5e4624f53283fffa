import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allowsOwnNamespace, checkEnvironment, readCommand } from "../../../shared/cni/environment.ts";
import { namePattern } from "../../../shared/cni/names.ts";
import type { Command } from "../../../shared/cni/plugin.ts";

const complete = { CNI_CONTAINERID: "c-1", CNI_NETNS: "/run/netns/c", CNI_IFNAME: "eth0" };

const refusal = (code: number, message: string) => expect.objectContaining({ code, message });

describe("CNI_COMMAND", () => {
  test.each(["ADD", "DEL", "CHECK", "STATUS", "GC", "VERSION"])("%s is known", (command) => {
    expect(readCommand({ CNI_COMMAND: command })).toBe(command);
  });

  test.each(["add", "ADD ", "ADDDEL", "", "__proto__", "constructor"])("%j is not", (command) => {
    expect(() => readCommand({ CNI_COMMAND: command })).toThrow(
      refusal(4, `unknown CNI_COMMAND: ${JSON.stringify(command)}`),
    );
  });
});

describe("the variables", () => {
  const needed: [Command, string[]][] = [
    ["ADD", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]],
    ["CHECK", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]],
    ["DEL", ["CNI_CONTAINERID", "CNI_IFNAME"]],
    ["GC", []],
    ["STATUS", []],
    ["VERSION", []],
  ];

  test.each(needed)("of %s are exactly %j, and all that are missing are named", (command, names) => {
    const all = Object.keys(complete);
    fc.assert(
      fc.property(fc.subarray(all), fc.constantFrom("", undefined), (absent, empty) => {
        const environment: Record<string, string> = { ...complete };
        for (const name of absent) {
          if (empty === undefined) delete environment[name];
          else environment[name] = empty;
        }
        const missing = names.filter((name) => absent.includes(name));
        const check = () => checkEnvironment(command, environment);
        if (missing.length === 0) expect(check).not.toThrow();
        else expect(check).toThrow(refusal(4, `required env variables [${missing.join(",")}] missing`));
      }),
    );
  });

  test("that a verb does not need may hold anything", () => {
    const odd = { CNI_CONTAINERID: "../x", CNI_NETNS: "", CNI_IFNAME: "a/b" };
    for (const command of ["GC", "STATUS"] as const) {
      expect(() => checkEnvironment(command, odd)).not.toThrow();
    }
  });
});

describe("CNI_CONTAINERID", () => {
  const check = (value: string) => () => checkEnvironment("DEL", { ...complete, CNI_CONTAINERID: value });

  test.each(["a", "0", "A.b_c-D", "f".repeat(64), "a..b"])("may be %j", (value) => {
    expect(check(value)).not.toThrow();
  });

  test.each(["-a", ".a", "_a", "../etc", "a/b", "a b", "a\n", "\na", "a\u0001", "é", "a\u200b", "a:b", "%s"])(
    "may not be %j",
    (value) => {
      expect(check(value)).toThrow(refusal(4, `CNI_CONTAINERID is invalid: ${JSON.stringify(value)}`));
    },
  );

  test("names a file and never a folder", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (value) => {
        if (!namePattern.test(value)) expect(check(value)).toThrow(expect.objectContaining({ code: 4 }));
        else expect(value).not.toMatch(/[/\0]|^\.|\s/u);
      }),
    );
  });
});

describe("CNI_IFNAME", () => {
  const check = (value: string) => () => checkEnvironment("DEL", { ...complete, CNI_IFNAME: value });

  test.each(["e", "eth0", "a".repeat(15), "net1.100", "-", "...", "ü1", "日本語"])("may be %j", (value) => {
    expect(check(value)).not.toThrow();
  });

  test.each([
    "a".repeat(16),
    "é".repeat(8),
    ".",
    "..",
    "../x",
    "a/b",
    "eth0:1",
    "eth%d",
    "%",
    "a b",
    "a\t",
    "a\n",
    "a\u00a0b",
    "a\u0001",
    "a\u007f",
  ])("may not be %j", (value) => {
    expect(check(value)).toThrow(refusal(4, `CNI_IFNAME is invalid: ${JSON.stringify(value)}`));
  });

  // The kernel's isspace() (lib/ctype.c) goes by bytes, and counts 0xa0 as a space.
  test.each(["à", "Š", "a你0"])("may not be %j, of whose bytes one is white space to the kernel", (value) => {
    expect(new TextEncoder().encode(value)).toContain(0xa0);
    expect(check(value)).toThrow(expect.objectContaining({ code: 4 }));
  });
});

describe("CNI_NETNS_OVERRIDE", () => {
  test.each(["1", "true", "TRUE", "True", "t", "T"])("%s allows the plugin's own namespace", (value) => {
    expect(allowsOwnNamespace({ CNI_NETNS_OVERRIDE: value })).toBe(true);
  });

  test.each(["0", "false", "", "yes", "2"])("%j does not", (value) => {
    expect(allowsOwnNamespace({ CNI_NETNS_OVERRIDE: value })).toBe(false);
    expect(allowsOwnNamespace({})).toBe(false);
  });
});
