import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readArgs } from "../../../shared/cni/args.ts";

const nothing = { ips: [], gateways: [] };

describe("CNI_ARGS", () => {
  test.each([
    ["", nothing],
    [";;", nothing],
    ["MAC=0a:58:0a:01:00:02", { ...nothing, mac: "0a:58:0a:01:00:02" }],
    ["IP=10.1.0.2", { ...nothing, ips: ["10.1.0.2"] }],
    [
      "IP=10.1.0.2/24,fd00::2/64;GATEWAY=10.1.0.1",
      { ips: ["10.1.0.2/24", "fd00::2/64"], gateways: ["10.1.0.1"] },
    ],
    ["MAC=;IP=;GATEWAY=", nothing],
    ["IP=10.1.0.2;", { ...nothing, ips: ["10.1.0.2"] }],
    ["ip=10.1.0.2;Mac=m", { ...nothing, ips: ["10.1.0.2"], mac: "m" }],
    ["MAC=a=b", { ...nothing, mac: "a=b" }],
  ])("%j is read", (text, expected) => {
    expect(readArgs(text)).toEqual(expected);
  });

  test.each(["MAC", "=x", "IP=10.1.0.2;novalue", ";=;"])(
    "%j is refused: no pair of key and value",
    (text) => {
      expect(() => readArgs(text)).toThrow(
        expect.objectContaining({ code: 4, message: expect.stringContaining("CNI_ARGS: invalid pair") }),
      );
    },
  );

  const kubernetes = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=1";

  test("names the unknown keys when they may not be ignored", () => {
    expect(() => readArgs(`${kubernetes};MAC=m`)).toThrow(
      expect.objectContaining({
        code: 4,
        message: 'CNI_ARGS: unknown args ["K8S_POD_NAMESPACE","K8S_POD_NAME","K8S_POD_UID"]',
        details: expect.stringContaining("IgnoreUnknown=1"),
      }),
    );
  });

  test.each(["1", "true", "TRUE"])(
    "leaves unknown keys alone with IgnoreUnknown=%s, wherever it stands",
    (on) => {
      expect(readArgs(`IgnoreUnknown=${on};${kubernetes};MAC=m`)).toEqual({ ...nothing, mac: "m" });
      expect(readArgs(`${kubernetes};MAC=m;IgnoreUnknown=${on}`)).toEqual({ ...nothing, mac: "m" });
    },
  );

  test.each(["0", "false", "", "no"])("does not with IgnoreUnknown=%s", (off) => {
    expect(() => readArgs(`IgnoreUnknown=${off};${kubernetes}`)).toThrow("unknown args");
  });

  test("of any text is read, or refused with code 4", () => {
    const pieces = fc.array(fc.constantFrom("IP", "MAC", "=", ";", "IgnoreUnknown", "1", "x", "\0", "é"));
    fc.assert(
      fc.property(pieces, (parts) => {
        try {
          expect(readArgs(parts.join("")).ips).toBeInstanceOf(Array);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 4 });
        }
      }),
    );
  });
});
