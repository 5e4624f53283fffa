import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Result } from "../../../shared/cni/result.ts";
import { parseResult, readResult } from "../../../shared/cni/result-input.ts";
import { writeResult } from "../../../shared/cni/result-output.ts";
import { type CniVersion, isAtLeast, supportedVersions } from "../../../shared/cni/version.ts";
import { results } from "./arbitraries.ts";

const throughText = (result: Result, version: CniVersion): Result | undefined =>
  parseResult(JSON.stringify(writeResult(result, version)), "0.1.0", "it");

/** What is left of a result once it has been put into the form of a version. */
const reduced = (result: Result, version: CniVersion): Result => {
  if (isAtLeast(version, "1.1.0")) return result;
  const interfaces = result.interfaces.map(({ name, mac, sandbox }) => ({
    name,
    ...(mac === undefined ? {} : { mac }),
    ...(sandbox === undefined ? {} : { sandbox }),
  }));
  return { ...result, interfaces };
};

const newForms = supportedVersions.filter((version) => isAtLeast(version, "0.3.0"));
const oldForms = supportedVersions.filter((version) => !isAtLeast(version, "0.3.0"));

describe("a result", () => {
  test.each(newForms)("comes back whole from the form of %s", (version) => {
    fc.assert(
      fc.property(results, (result) => {
        expect(throughText(result, version)).toEqual(reduced(result, version));
      }),
    );
  });

  test.each(oldForms)("comes back with one address a family from the form of %s", (version) => {
    const withAddress = results.filter((result) => result.ips.length > 0);
    fc.assert(
      fc.property(withAddress, (result) => {
        const back = throughText(result, version);
        const first = ([4, 6] as const).flatMap(
          (family) => result.ips.find(({ address }) => address.address.family === family) ?? [],
        );
        const routes = first.flatMap(({ address: { address } }) =>
          result.routes.filter(({ destination }) => destination.address.family === address.family),
        );
        expect(back).toEqual({
          interfaces: [],
          ips: first.map(({ interface: _, ...ip }) => ip),
          routes: routes.map(({ destination, gateway }) => ({
            destination,
            ...(gateway === undefined ? {} : { gateway }),
          })),
          dns: result.dns,
        });
      }),
    );
  });

  test.each(oldForms)("without an address has no form of %s", (version) => {
    const bare: Result = { interfaces: [{ name: "eth0" }], ips: [], routes: [], dns: {} };
    expect(() => writeResult(bare, version)).toThrow(
      expect.objectContaining({ code: 7, details: expect.stringContaining("0.3.0") }),
    );
  });

  test("says its family beside each address from 0.3.0 to 0.4.0, and only there", () => {
    fc.assert(
      fc.property(results, fc.constantFrom(...newForms), (result, version) => {
        const { ips = [] } = writeResult(result, version) as {
          ips?: { version?: string; address: string }[];
        };
        const labels = ips.map((ip) => ip.version);
        const families = ips.map((ip) => (ip.address.includes(":") ? "6" : "4"));
        expect(labels).toEqual(isAtLeast(version, "1.0.0") ? ips.map(() => undefined) : families);
      }),
    );
  });

  test("has dns always before 1.0.0, and from there on only if it says something", () => {
    const result: Result = { interfaces: [], ips: [ip("192.0.2.1/24")], routes: [], dns: {} };
    for (const version of supportedVersions) {
      expect(Object.hasOwn(writeResult(result, version), "dns"), version).toBe(!isAtLeast(version, "1.0.0"));
      expect(writeResult({ ...result, dns: { domain: "example" } }, version)["dns"]).toEqual({
        domain: "example",
      });
    }
  });
});

const ip = (address: string) => {
  const [first] = readResult({ ips: [{ address }] }, "1.0.0", "").ips;
  if (first === undefined) throw new Error(address);
  return first;
};

describe("a result that is read", () => {
  test("is taken to be of the assumed version if it does not say its own", () => {
    const old = { ip4: { ip: "192.0.2.1/24" } };
    expect(readResult(old, "0.2.0", "").ips).toHaveLength(1);
    expect(readResult(old, "1.0.0", "").ips).toHaveLength(0);
    expect(readResult({ ...old, cniVersion: "0.1.0" }, "1.0.0", "").ips).toHaveLength(1);
    expect(readResult({ ...old, cniVersion: "" }, "0.2.0", "").ips).toHaveLength(1);
  });

  test.each([
    ["an unknown version", { cniVersion: "3.0.0" }, 1],
    ["an invalid list of addresses", { ips: {} }, 6],
    ["an address that is a number", { ips: [{ address: 1 }] }, 6],
    ["an address without its prefix", { ips: [{ address: "192.0.2.1" }] }, 7],
    ["a prefix that is too long", { ips: [{ address: "192.0.2.1/33" }] }, 7],
    ["no address", { ips: [{}] }, 7],
    ["a gateway that is a network", { ips: [{ address: "192.0.2.1/24", gateway: "192.0.2.2/24" }] }, 7],
    ["a route without a destination", { routes: [{ gw: "192.0.2.1" }] }, 7],
    ["a route whose mtu is text", { routes: [{ dst: "0.0.0.0/0", mtu: "1400" }] }, 6],
    ["an interface that is text", { interfaces: ["eth0"] }, 6],
    ["a nameserver that is a number", { dns: { nameservers: [1] } }, 6],
  ])("with %s is refused", (_, object, code) => {
    expect(() => readResult(object, "1.0.0", "prevResult")).toThrow(expect.objectContaining({ code }));
  });

  test("has the full name of the broken key in its refusal", () => {
    const object = { ips: [{ address: "192.0.2.1/24" }, { address: "x" }] };
    expect(() => readResult(object, "1.0.0", "prevResult")).toThrow('"prevResult.ips[1].address"');
  });

  test("has its routes' host bits cleared, as the kernel wants them", () => {
    const [route] = readResult({ routes: [{ dst: "192.0.2.77/24" }] }, "1.0.0", "").routes;
    expect(route?.destination).toEqual({ address: { family: 4, value: 0xc0000200n }, prefixLength: 24 });
  });

  test.each(["", "garbage", "[]", "null", "7", '"text"', '{"ips":'])("is undefined if it is %j", (text) => {
    expect(parseResult(text, "1.0.0", "it")).toBeUndefined();
  });
});
