import { describe, expect, test } from "vitest";
import { readDhcp } from "../../../ipam/dhcp/configuration.ts";
import { BadArguments, parseDuration, readDaemonOptions } from "../../../ipam/dhcp/daemon/arguments.ts";
import { clientIdentifier } from "../../../ipam/dhcp/lease/owner.ts";
import { readConfiguration } from "../../../shared/cni/configuration.ts";
import { decodeText } from "../../../shared/system/text.ts";

function read(ipam: object | undefined, args = "") {
  const section = ipam === undefined ? {} : { ipam: { type: "dhcp", ...ipam } };
  return readDhcp(
    readConfiguration({ cniVersion: "1.0.0", name: "net", type: "macvlan", ...section }, "ADD"),
    args,
  );
}

const provided = (ipam: object, args = "") =>
  [...read(ipam, args).provided].map(([code, value]) => [code, decodeText(value)]);

describe("the configuration", () => {
  test("has defaults", () => {
    expect(read({})).toEqual({
      socketPath: "/run/cni/dhcp.sock",
      requested: [3, 1],
      provided: new Map(),
      priority: 0,
    });
  });

  test.each([
    ["more options", [{ option: "121" }, { option: "6" }], [121, 6, 3, 1]],
    ["a default by its name", [{ option: "routers" }], [3, 1]],
    ["no defaults", [{ skipDefault: true, option: "subnet-mask" }], [1]],
    ["no defaults by an entry without option", [{ skipDefault: true }, { option: "1" }], [1]],
  ])("asks for %s", (_, request, codes) => expect(read({ request }).requested).toEqual(codes));

  test("sends values, and those of CNI_ARGS before them", () => {
    const provide = [
      { option: "host-name", value: "fixed", fromArg: "K8S_POD_NAME" },
      { option: "vendor-class-identifier", value: "podwire" },
      { option: "user-class", fromArg: "MISSING" },
      { option: "43", value: "é" },
    ];
    const always = [
      [60, "podwire"],
      [43, "é"],
    ];
    expect(provided({ provide })).toEqual([[12, "fixed"], ...always]);
    // As with the reference plugin, what is no pair is ignored, and a value may have an equals sign.
    expect(provided({ provide }, ";x;IgnoreUnknown=1;K8S_POD_NAME=web=1")).toEqual([
      [12, "web=1"],
      ...always,
    ]);
  });

  test.each([
    ["no section", undefined, 7, "IPAM config missing 'ipam' key"],
    [
      "an unknown option",
      { request: [{ option: "colour" }] },
      7,
      '"ipam.request[0].option" is not a DHCP option: "colour"',
    ],
    ["no option", { request: [{}] }, 7, '"ipam.request[0].option" is not a DHCP option'],
    ["a number too large", { provide: [{ option: "256" }] }, 7, '"ipam.provide[0].option"'],
    ["the protocol's own option", { provide: [{ option: "53", value: "x" }] }, 7, "the protocol itself sets"],
    ["a long value", { provide: [{ option: "12", value: "x".repeat(256) }] }, 7, "has 256 bytes"],
    ["a number as option", { request: [{ option: 6 }] }, 6, "must be a string"],
    ["a relative socket", { daemonSocketPath: "dhcp.sock" }, 7, "not an absolute path"],
    ["a socket with a NUL", { daemonSocketPath: "/run/a\0b" }, 7, "not an absolute path"],
    ["a long socket", { daemonSocketPath: `/${"x".repeat(107)}` }, 7, "more than 107 bytes"],
    ["a negative metric", { priority: -1 }, 7, '"ipam.priority" is -1'],
  ] as const)("is refused: %s", (_, ipam, code, message) => {
    const error = expect.objectContaining({ code, message: expect.stringContaining(message) });
    expect(() => read(ipam)).toThrow(error);
  });
});

test("the client identifier is the reference plugin's", () => {
  const owner = { network: "net", containerId: "c".repeat(300), ifname: "eth0" };
  const short = clientIdentifier({ ...owner, containerId: "abc" });
  expect(short[0]).toBe(0);
  expect(decodeText(short.subarray(1))).toBe("abc/net/eth0");
  expect(clientIdentifier(owner)).toHaveLength(255);
});

describe("the daemon's arguments", () => {
  const standard = {
    pidFile: "",
    hostPrefix: "",
    socketPath: "/run/cni/dhcp.sock",
    broadcast: false,
    timeout: 10_000,
    resendMax: 62_000,
    resendTimeout: 208_000,
  };

  test.each([
    ["", {}],
    ["-pidfile /run/p -hostprefix /host/", { pidFile: "/run/p", hostPrefix: "/host" }],
    ["--pidfile=/run/p --socketpath=/run/s", { pidFile: "/run/p", socketPath: "/run/s" }],
    ["-broadcast -timeout 1m30s", { broadcast: true, timeout: 90_000 }],
    ["-broadcast=false --resendmax=500ms -resendtimeout 1.5h", { resendMax: 500, resendTimeout: 5_400_000 }],
  ])("%s", (words, expected) => {
    expect(readDaemonOptions(words.split(" ").filter((word) => word !== ""))).toEqual({
      ...standard,
      ...expected,
    });
  });

  test.each([
    "x",
    "-colour",
    "-timeout",
    "-timeout 5",
    "-timeout 0",
    "-pidfile run/p",
    "-broadcast=maybe",
    "---timeout=1s",
  ])("%s is refused", (words) => expect(() => readDaemonOptions(words.split(" "))).toThrow(BadArguments));

  test.each([
    ["10s", 10_000],
    ["1h2m3s4ms", 3_723_004],
    ["1.5s", 1500],
    ["0", 0],
    ["s", undefined],
    ["-1s", undefined],
    ["1 s", undefined],
  ])("the duration %s is %s ms", (text, value) => expect(parseDuration(text)).toBe(value));
});
