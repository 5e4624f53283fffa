import { describe, expect, test } from "vitest";
import { readStatic } from "../../../ipam/static/configuration.ts";
import { readConfiguration } from "../../../shared/cni/configuration.ts";
import type { Request } from "../../../shared/cni/plugin.ts";
import { formatIp } from "../../../shared/ip/address.ts";
import { formatCidr } from "../../../shared/ip/cidr.ts";

interface Given {
  readonly ipam?: object;
  readonly rest?: object;
  readonly args?: string;
}

const address4 = { address: "10.10.0.5/24", gateway: "10.10.0.1" };
const address6 = { address: "fd00:10::5/64", gateway: "fd00:10::1" };

function read({ ipam = { addresses: [address4] }, rest = {}, args = "" }: Given) {
  const raw = {
    cniVersion: "1.0.0",
    name: "net",
    type: "bridge",
    ipam: { type: "static", ...ipam },
    ...rest,
  };
  return readStatic({ args, configuration: readConfiguration(raw, "ADD") } as Request);
}

const texts = (given: Given) =>
  read(given).ips.map(({ address, gateway }) =>
    [formatCidr(address), gateway === undefined ? "none" : formatIp(gateway)].join(" via "),
  );

describe("the addresses of a container", () => {
  const runtimeConfig = (...ips: string[]) => ({ capabilities: { ips: true }, runtimeConfig: { ips } });
  const both = { addresses: [address4, address6] };
  const cases: readonly (readonly [string, Given, readonly string[]])[] = [
    ["configured", { ipam: both }, ["10.10.0.5/24 via 10.10.0.1", "fd00:10::5/64 via fd00:10::1"]],
    ["without gateway", { ipam: { addresses: [{ address: "10.1.0.9/16" }] } }, ["10.1.0.9/16 via none"]],
    [
      "with gateway 0.0.0.0",
      { ipam: { addresses: [{ ...address4, gateway: "0.0.0.0" }] } },
      ["10.10.0.5/24 via none"],
    ],
    ["of the capability", { rest: runtimeConfig("10.9.0.7/24") }, ["10.9.0.7/24 via none"]],
    ["of args.cni", { rest: { args: { cni: { ips: ["10.9.0.8/24"] } } } }, ["10.9.0.8/24 via none"]],
    [
      "of the capability before args.cni",
      { rest: { ...runtimeConfig("10.9.0.7/24"), args: { cni: { ips: ["10.9.0.8/24"] } } } },
      ["10.9.0.7/24 via none"],
    ],
    [
      "requested in the configured network",
      { rest: runtimeConfig("10.10.0.77") },
      ["10.10.0.77/24 via 10.10.0.1"],
    ],
    [
      "requested with its prefix length",
      { rest: runtimeConfig("10.10.0.77/25") },
      ["10.10.0.77/25 via 10.10.0.1"],
    ],
    ["requested, the gateway itself", { rest: runtimeConfig("10.10.0.1") }, ["10.10.0.1/24 via none"]],
    [
      "added by CNI_ARGS",
      { args: "IP=10.9.0.9/24,fd09::9/64;GATEWAY=10.9.0.1,fd09::1" },
      ["10.10.0.5/24 via 10.10.0.1", "10.9.0.9/24 via 10.9.0.1", "fd09::9/64 via fd09::1"],
    ],
    ["of CNI_ARGS alone", { ipam: {}, args: "IP=10.9.0.9/24;GATEWAY=10.8.0.1" }, ["10.9.0.9/24 via none"]],
    ["none", { ipam: {} }, []],
  ];
  test.each(cases)("%s", (_, given, expected) => expect(texts(given)).toEqual(expected));
});

describe("refused", () => {
  const addresses = (...list: unknown[]) => ({ ipam: { addresses: list } });
  const cases: readonly (readonly [string, Given, number, string])[] = [
    [
      "no prefix length",
      addresses({ address: "10.1.0.9" }),
      7,
      '"ipam.addresses[0].address" is expected to be in CIDR',
    ],
    ["no address", addresses(address4, {}), 7, '"ipam.addresses[1].address" is expected'],
    ["no address", addresses({ address: "10.1.0.300/24" }), 7, '"10.1.0.300/24"'],
    [
      "a bad gateway",
      addresses({ ...address4, gateway: "10.1" }),
      7,
      '"ipam.addresses[0].gateway" is not an IP address',
    ],
    ["a gateway of another family", addresses({ ...address4, gateway: "fd00::1" }), 7, "another family"],
    ["an address twice", addresses(address4, { address: "10.10.0.5/16" }), 7, "10.10.0.5 is given twice"],
    ["an address as text", addresses("10.10.0.5/24"), 6, '"ipam.addresses[0]" must be an object'],
    [
      "a capability without prefix",
      { rest: { runtimeConfig: { ips: ["10.9.0.7"] } } },
      7,
      "NOT in CIDR notation",
    ],
    [
      "args.cni without prefix",
      { rest: { args: { cni: { ips: ["x"] } } } },
      7,
      '"args.cni.ips" contains an entry',
    ],
    ["CNI_ARGS without prefix", { args: "IP=10.9.0.9" }, 4, "IP is not in CIDR notation"],
    ["a gateway of CNI_ARGS", { args: "IP=10.9.0.9/24;GATEWAY=ten" }, 4, "GATEWAY is not an IP address"],
    ["an unknown argument", { args: "COLOUR=red" }, 4, "unknown args"],
    ["a route as text", { ipam: { addresses: [address4], routes: ["0.0.0.0/0"] } }, 6, "must be an object"],
    [
      "two addresses of a family for an old result",
      { ...addresses(address4, { address: "10.9.0.9/24" }), rest: { cniVersion: "0.2.0" } },
      7,
      "does not support more than 1 address per family",
    ],
    ["no ipam section", { rest: { ipam: undefined } }, 7, "IPAM config missing 'ipam' key"],
  ];
  test.each(cases)("%s", (_, given, code, message) => {
    const error = expect.objectContaining({ code, message: expect.stringContaining(message) });
    expect(() => read(given)).toThrow(error);
  });
});
