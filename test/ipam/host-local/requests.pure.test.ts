import { describe, expect, test } from "vitest";
import { readHostLocal } from "../../../ipam/host-local/configuration.ts";
import { assignRequested, readRequested } from "../../../ipam/host-local/requests.ts";
import { readConfiguration } from "../../../shared/cni/configuration.ts";
import type { Request } from "../../../shared/cni/plugin.ts";
import { formatIp } from "../../../shared/ip/address.ts";

const ranges = [
  [{ subnet: "10.1.0.0/24", exclude: ["10.1.0.200"] }, { subnet: "10.2.0.0/24" }],
  [{ subnet: "fd00:1::/64" }],
];

interface Wanted {
  readonly args?: string;
  readonly cni?: readonly unknown[];
  readonly capability?: readonly unknown[];
}

function request({ args = "", cni, capability }: Wanted): Request {
  const raw = {
    cniVersion: "1.0.0",
    name: "net",
    type: "bridge",
    ipam: { type: "host-local", ranges },
    ...(cni === undefined ? {} : { args: { cni: { ips: cni } } }),
    ...(capability === undefined ? {} : { runtimeConfig: { ips: capability } }),
  };
  const rest = {
    command: "ADD",
    containerId: "c",
    ifname: "eth0",
    netns: "",
    path: [],
    environment: {},
  } as const;
  const configuration = readConfiguration(raw, "ADD");
  return { ...rest, args, configuration, input: new Uint8Array(), builtin: () => undefined };
}

function assign(wanted: Wanted): (string | undefined)[] {
  const each = request(wanted);
  const wishes = assignRequested(readHostLocal(each.configuration).sets, readRequested(each));
  expect(wishes.map(({ index }) => index)).toEqual([0, 1]);
  return wishes.map(({ requested }) => requested && formatIp(requested));
}

const refused = (wanted: Wanted) => {
  try {
    assign(wanted);
  } catch (thrown) {
    return thrown;
  }
  throw new Error("was not refused");
};

describe("a requested address", () => {
  test("is not needed", () => {
    expect(assign({})).toEqual([undefined, undefined]);
    expect(assign({ cni: [], capability: [] })).toEqual([undefined, undefined]);
  });

  test.each<[string, Wanted]>([
    ["CNI_ARGS", { args: "IP=10.2.0.9" }],
    ["CNI_ARGS with a prefix length", { args: "IP=10.2.0.9/24;IgnoreUnknown=1;K8S_POD_NAME=web" }],
    ["args.cni.ips", { cni: ["10.2.0.9"] }],
    ["the capability ips", { capability: ["10.2.0.9/16"] }],
  ])("comes from %s", (_, wanted) => {
    expect(assign(wanted)).toEqual(["10.2.0.9", undefined]);
  });

  test("is taken from each source, for the set it is in", () => {
    expect(assign({ args: "IP=fd00:1::9", capability: ["10.1.0.9"] })).toEqual(["10.1.0.9", "fd00:1::9"]);
    expect(assign({ args: "IP=10.1.0.9,fd00:1::9" })).toEqual(["10.1.0.9", "fd00:1::9"]);
  });

  test("counts once when several sources name it", () => {
    const capability = ["10.1.0.9/24", "10.1.0.9"];
    expect(assign({ args: "IP=10.1.0.9", cni: ["10.1.0.9"], capability })).toEqual(["10.1.0.9", undefined]);
  });

  test.each<[string, Wanted, number, string]>([
    ["is the gateway", { cni: ["10.2.0.1"] }, 7, "requested IP 10.2.0.1 is the subnet's gateway"],
    ["is excluded", { cni: ["10.1.0.200"] }, 7, "requested IP 10.1.0.200 is excluded"],
    ["is in no range", { cni: ["10.9.0.1"] }, 7, "failed to allocate all requested IPs: 10.9.0.1"],
    ["is one too many for its set", { cni: ["10.1.0.9", "10.2.0.9"] }, 7, "requested IPs: 10.2.0.9"],
    [
      "is no address",
      { capability: ["10.1.0.300"] },
      7,
      '"runtimeConfig.ips" contains a value that is not an IP',
    ],
    ["is empty", { cni: [""] }, 7, '"args.cni.ips" contains a value that is not an IP address: ""'],
    ["is no address in CNI_ARGS", { args: "IP=ten" }, 4, 'CNI_ARGS: IP is not an IP address: "ten"'],
    ["is no text", { capability: [1] }, 6, '"runtimeConfig.ips[0]" must be a string'],
  ])("is refused when it %s", (_, wanted, code, message) => {
    expect(refused(wanted)).toMatchObject({ code, message: expect.stringContaining(message) });
  });
});
