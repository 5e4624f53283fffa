import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseInput, readConfiguration } from "../../../shared/cni/configuration.ts";
import type { Command } from "../../../shared/cni/plugin.ts";
import { type CniVersion, isAtLeast, supportedVersions } from "../../../shared/cni/version.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const read = (raw: object, command: Command = "ADD") => readConfiguration({ name: "net", ...raw }, command);
const coded = (code: number) => expect.objectContaining({ code });

describe("standard input", () => {
  test.each(["", "  \n", "{", '{"a":1,}', "nothing", '{"a":1}{"b":2}', "\0"])("%j is no JSON", (text) => {
    expect(() => parseInput(bytes(text))).toThrow(coded(6));
  });

  test.each(["[]", "null", "true", "1", '"{}"'])("%s is JSON, but no object", (text) => {
    expect(() => parseInput(bytes(text))).toThrow("the network configuration must be a JSON object");
  });

  test("is any JSON object, with white space around it or a byte order mark", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.constantFrom("", "\ufeff"),
        (object, mark) => {
          const text = JSON.stringify(object);
          expect(parseInput(bytes(`${mark} ${text}\n`))).toEqual(JSON.parse(text));
        },
      ),
    );
  });

  test("of any bytes is an object or a refusal", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (input) => {
        try {
          expect(parseInput(input)).toBeTypeOf("object");
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 6 });
        }
      }),
    );
  });
});

describe("the network's name", () => {
  test.each([undefined, null, ""])("%j is missing", (name) => {
    expect(() => read({ name })).toThrow(
      expect.objectContaining({ code: 7, message: "missing network name" }),
    );
  });

  test.each(["../x", "a/b", "/", ".", "..", ".hidden", "-x", "a b", "a\n", "é", "a\0b", "a;b", "%n"])(
    "%j is no name",
    (name) => {
      expect(() => read({ name })).toThrow(coded(7));
    },
  );

  test("of a wrong type is a fault of decoding", () => {
    expect(() => read({ name: 5 })).toThrow(coded(6));
  });

  test("is in its refusal in few words, however long it is", () => {
    const short = expect.toSatisfy((message: string) => message.length < 1000);
    expect(() => read({ name: "/".repeat(1e6) })).toThrow(expect.objectContaining({ message: short }));
  });
});

describe("a configuration", () => {
  test.each([[5], [true], [[]], [{}]])("whose cniVersion is %j is a fault of decoding", (cniVersion) => {
    expect(() => read({ cniVersion })).toThrow(coded(6));
  });

  const since: [Command, CniVersion][] = [
    ["ADD", "0.1.0"],
    ["DEL", "0.1.0"],
    ["CHECK", "0.4.0"],
    ["GC", "1.1.0"],
    ["STATUS", "1.1.0"],
  ];

  test.each(since)("may be used for %s from %s on", (command, first) => {
    for (const cniVersion of supportedVersions) {
      const attempt = () => read({ cniVersion }, command);
      if (isAtLeast(cniVersion, first)) expect(attempt).not.toThrow();
      else {
        const message = `config version does not allow ${command}`;
        expect(attempt).toThrow(expect.objectContaining({ code: 1, message }));
      }
    }
  });

  test.each([
    ["type", 1],
    ["ipam", "host-local"],
    ["ipam", { type: 5 }],
    ["runtimeConfig", []],
    ["args", "x"],
    ["args", { cni: [] }],
    ["dns", ["192.0.2.1"]],
    ["dns", { nameservers: "192.0.2.1" }],
    ["prevResult", []],
    ["prevResult", { cniVersion: 1 }],
  ])("whose %s is %j is a fault of decoding", (key, value) => {
    expect(() => read({ [key]: value })).toThrow(coded(6));
  });

  test("holds what is common to all plugins", () => {
    const configuration = read({
      cniVersion: "1.0.0",
      type: "bridge",
      ipam: { type: "host-local", subnet: "10.0.0.0/8" },
      args: { cni: { ips: ["10.0.0.5"] } },
      runtimeConfig: { mac: "0a:00:00:00:00:01" },
      dns: { domain: "example" },
      unknown: { to: "us" },
    });
    expect(configuration).toMatchObject({
      cniVersion: "1.0.0",
      name: "net",
      type: "bridge",
      ipamType: "host-local",
      dns: { domain: "example" },
    });
    expect(configuration.cniArgs.texts("ips")).toEqual(["10.0.0.5"]);
    expect(configuration.runtimeConfig.text("mac")).toBe("0a:00:00:00:00:01");
    expect(configuration.fields.object("unknown")?.text("to")).toBe("us");
    expect(configuration.prevResult).toBeUndefined();
  });

  test("takes a broken prevResult for none in DEL, and refuses it in the other verbs", () => {
    const prevResult = { cniVersion: "1.0.0", ips: [{ address: "broken" }] };
    expect(read({ cniVersion: "1.0.0", prevResult }, "DEL").prevResult).toBeUndefined();
    expect(() => read({ cniVersion: "1.0.0", prevResult }, "ADD")).toThrow(coded(7));
    expect(() => read({ cniVersion: "1.0.0", prevResult }, "CHECK")).toThrow(coded(7));
  });

  test("takes a prevResult that is not an object for none in DEL", () => {
    expect(read({ cniVersion: "1.0.0", prevResult: "gone" }, "DEL").prevResult).toBeUndefined();
  });
});

describe("the attachments that GC is to keep", () => {
  const key = "cni.dev/valid-attachments";
  const gc = (value: unknown) => read({ cniVersion: "1.1.0", [key]: value }, "GC").validAttachments;

  test("are none, or unknown: that is not the same", () => {
    expect(gc([])).toEqual([]);
    expect(gc(undefined)).toBeUndefined();
    expect(gc([{ containerID: "a", ifname: "eth0" }])).toEqual([{ containerId: "a", ifname: "eth0" }]);
  });

  test.each([{}, "x", ["a"], [{ containerID: 1, ifname: "eth0" }]].map((value) => [value]))(
    "are refused when they are %j",
    (value) => {
      expect(() => gc(value)).toThrow(coded(6));
    },
  );

  test("are for GC alone", () => {
    expect(read({ cniVersion: "1.1.0", [key]: "x" }, "ADD").validAttachments).toBeUndefined();
  });
});
