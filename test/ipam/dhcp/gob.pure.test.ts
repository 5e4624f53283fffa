/** Gob: Debian's Go programs are the other side in change-over.test.ts. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GobError, GobReader } from "../../../ipam/dhcp/rpc/gob-reader.ts";
import { argumentsType, emptyType, requestType, resultType } from "../../../ipam/dhcp/rpc/gob-types.ts";
import { GobWriter } from "../../../ipam/dhcp/rpc/gob-writer.ts";
import { readResult, writeResult } from "../../../ipam/dhcp/rpc/result.ts";
import { parseIp } from "../../../shared/ip/address.ts";
import { parseCidr } from "../../../shared/ip/cidr.ts";

const calls = fc.record({
  ContainerID: fc.string({ minLength: 1 }),
  Args: fc.string({ minLength: 1, unit: "binary" }).map((text) => text.toWellFormed()),
  StdinData: fc.uint8Array({ minLength: 1, maxLength: 2000 }),
});

function write(
  ...values: [Parameters<GobWriter["write"]>[0], Parameters<GobWriter["write"]>[1]][]
): Uint8Array {
  const writer = new GobWriter();
  return Uint8Array.from(values.flatMap(([type, value]) => [...writer.write(type, value)]));
}

describe("gob", () => {
  test("is read as it was written, in pieces of any size", () => {
    fc.assert(
      fc.property(
        fc.array(calls, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 300 }),
        (all, size) => {
          const bytes = write(
            [requestType, { ServiceMethod: "x", Seq: 70_000 }],
            ...all.map((call) => [argumentsType, call] as [typeof argumentsType, typeof call]),
          );
          const reader = new GobReader();
          const found: unknown[] = [];
          for (let at = 0; at < bytes.length; at += size) {
            reader.add(bytes.slice(at, at + size));
            for (let value = reader.next(); value !== undefined; value = reader.next()) found.push(value);
          }
          expect(found).toEqual([{ ServiceMethod: "x", Seq: 70_000 }, ...all]);
        },
      ),
    );
  });

  test("carries a result there and back", () => {
    const address = parseCidr("10.9.0.50/23");
    const gateway = parseIp("10.9.0.1");
    const all = parseCidr("0.0.0.0/0");
    if (address === undefined || gateway === undefined || all === undefined) throw new Error("addresses");
    const result = {
      interfaces: [],
      ips: [{ address, gateway }],
      routes: [
        { destination: all, gateway, priority: 300 },
        { destination: address, scope: 253 },
      ],
      dns: { nameservers: ["10.9.0.1"], domain: "example.org", search: ["a.example.org", "b.example.org"] },
    };
    const reader = new GobReader();
    reader.add(write([resultType, writeResult(result)], [emptyType, {}]));
    expect(readResult(reader.next() ?? {})).toEqual(result);
    expect(reader.next()).toEqual({});
  });

  test("that is cut or changed is refused, or read as something, but never loops or crashes", () => {
    const valid = write(
      [argumentsType, { ContainerID: "c", StdinData: Uint8Array.of(1, 2) }],
      [resultType, {}],
    );
    const changes = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 4 });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      changes.map((all) => {
        const copy = valid.slice();
        for (const [at, byte] of all) copy[at] = byte;
        return copy;
      }),
    );
    fc.assert(
      fc.property(bytes, (any) => {
        try {
          const reader = new GobReader();
          reader.add(any);
          while (reader.next() !== undefined);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(GobError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
