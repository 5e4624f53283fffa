import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Cidr,
  contains,
  formatCidr,
  isSameCidr,
  networkOf,
  parseCidr,
} from "../../../shared/ip/cidr.ts";
import { canRun, createNode, runModule } from "../../helpers/index.ts";

type Keys = Record<string, unknown>;

interface Reading {
  readonly enabled?: boolean;
  readonly backend?: string;
  readonly exceptions?: string[];
  readonly code?: number;
  readonly message?: string;
}

/** What is read from each of the configurations, or the error; in the run time of the executables. */
const readAll = async (configurations: readonly Keys[]): Promise<Reading[]> => {
  await using node = await createNode();
  return await runModule<Reading[]>(
    node,
    `import { Fields } from "./shared/cni/fields.ts";
    import { formatCidr } from "./shared/ip/cidr.ts";
    import { readMasquerade } from "./shared/filter/masquerade-config.ts";
    const read = (keys) => {
      try {
        const { exceptions, ...rest } = readMasquerade(new Fields(keys));
        return { ...rest, exceptions: exceptions.map(formatCidr) };
      } catch ({ code, message }) {
        return { code, message };
      }
    };
    console.log(JSON.stringify(JSON.parse(${JSON.stringify(JSON.stringify(configurations))}).map(read)));`,
  );
};
const exceptionsOf = async (...lists: readonly unknown[]) =>
  (await readAll(lists.map((nonMasqueradeCIDRs) => ({ nonMasqueradeCIDRs })))).map(
    ({ exceptions }) => exceptions,
  );

const aNetwork = fc
  .oneof(
    fc.record({ family: fc.constant(4 as const), value: fc.bigInt(0n, 0xffffffffn), length: fc.nat(32) }),
    // Near each other, so that some are inside others.
    fc.record({
      family: fc.constant(4 as const),
      value: fc.bigInt(0n, 15n),
      length: fc.integer({ min: 26, max: 32 }),
    }),
    fc.record({
      family: fc.constant(6 as const),
      value: fc.bigInt(0n, (1n << 128n) - 1n),
      length: fc.nat(128),
    }),
  )
  .map(({ family, value, length }): Cidr => networkOf({ address: { family, value }, prefixLength: length }));

describe.runIf(canRun("ip"))("the keys of masquerade", () => {
  test("are absent: no masquerade, by whatever there is, without exceptions", async () => {
    const absent = { enabled: false, exceptions: [] };
    const found = await readAll([
      {},
      { ipMasq: null, ipMasqBackend: "", nonMasqueradeCIDRs: null },
      { nonMasqueradeCIDRs: [] },
    ]);
    expect(found).toEqual([absent, absent, absent]);
  });

  test("name the backend", async () => {
    const names = ["iptables", "nftables"];
    const found = await readAll(names.map((ipMasqBackend) => ({ ipMasq: true, ipMasqBackend })));
    expect(found).toEqual(names.map((backend) => ({ enabled: true, backend, exceptions: [] })));
  });

  test("keep networks in order, without those inside others and without repetitions", async () => {
    expect(
      await exceptionsOf(
        ["192.168.0.0/16", "fd00::/8", "10.0.0.0/8"],
        ["10.1.0.0/16", "10.0.0.0/8", "10.0.0.0/8", "fd00::/16", "fd00::/8"],
        ["0.0.0.0/0", "10.0.0.0/8", "fd00::/8"],
      ),
    ).toEqual([
      ["192.168.0.0/16", "fd00::/8", "10.0.0.0/8"],
      ["10.0.0.0/8", "fd00::/8"],
      ["0.0.0.0/0", "fd00::/8"],
    ]);
  });

  test("keep networks that cover the same addresses, none inside another", async () => {
    const lists = fc.sample(fc.array(aNetwork, { maxLength: 8 }), 200);
    const kept = await exceptionsOf(...lists.map((list) => list.map(formatCidr)));
    for (const [index, list] of lists.entries()) {
      const exceptions = (kept[index] ?? []).map((text) => parseCidr(text) as Cidr);
      for (const { address, prefixLength } of list) {
        const covering = exceptions.filter(
          (one) => one.prefixLength <= prefixLength && contains(one, address),
        );
        expect(covering, list.map(formatCidr).join(" ")).toHaveLength(1);
      }
      for (const one of exceptions) expect(list.some((network) => isSameCidr(network, one))).toBe(true);
    }
  });

  test("are refused when they are wrong", async () => {
    const faults: [Keys, number, string][] = [
      [{ ipMasq: "yes" }, 6, '"ipMasq" must be true or false'],
      [{ ipMasqBackend: 4 }, 6, '"ipMasqBackend" must be a string'],
      [{ ipMasqBackend: "ebtables" }, 7, '"ipMasqBackend" is unknown: "ebtables"'],
      [{ nonMasqueradeCIDRs: "10.0.0.0/8" }, 6, '"nonMasqueradeCIDRs" must be a list'],
      [{ nonMasqueradeCIDRs: ["10.0.0.0/8", 8] }, 6, '"nonMasqueradeCIDRs[1]" must be a string'],
      [{ nonMasqueradeCIDRs: ["10.0.0.0"] }, 7, '"nonMasqueradeCIDRs[0]" is no network: "10.0.0.0"'],
      [{ nonMasqueradeCIDRs: ["10.0.0.0/33"] }, 7, '"nonMasqueradeCIDRs[0]" is no network: "10.0.0.0/33"'],
      [{ nonMasqueradeCIDRs: ["fd00::1/8"] }, 7, '"nonMasqueradeCIDRs[0]" has host bits set: "fd00::1/8"'],
    ];
    expect(await readAll(faults.map(([keys]) => keys))).toEqual(
      faults.map(([_keys, code, message]) => ({ code, message: expect.stringContaining(message) })),
    );
  });
});
