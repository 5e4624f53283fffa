import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { writeResult } from "../../../../shared/cni/result-output.ts";
import type { CniVersion } from "../../../../shared/cni/version.ts";
import { canRun, createNode, type Node, referencePlugin } from "../../../helpers/index.ts";
import { sweepSize } from "../../../helpers/sweep.ts";
import { results } from "../arbitraries.ts";
import { expectError, expectResult, expectSilence, run, versions } from "../subjects.ts";

/** One attachment in the three forms; each later form can hold more. */
const old = {
  ip4: { ip: "10.9.0.2/24", gateway: "10.9.0.1", routes: [{ dst: "0.0.0.0/0", gw: "10.9.0.1" }] },
  ip6: { ip: "fd09::2/64", routes: [{ dst: "::/0" }] },
  dns: { nameservers: ["192.0.2.53"] },
};
const routes = [{ dst: "0.0.0.0/0", gw: "10.9.0.1" }, { dst: "::/0" }];
const eth0 = { name: "eth0", mac: "0a:00:00:00:00:01", sandbox: "/run/netns/c" };
const { dns } = old;

const middle = (interfaces: object, index: object) => ({
  ...interfaces,
  ips: [
    { version: "4", address: "10.9.0.2/24", gateway: "10.9.0.1", ...index },
    { version: "6", address: "fd09::2/64", ...index },
  ],
  routes,
  dns,
});

const recent = (interfaces: object, index: object) => ({
  ...interfaces,
  ips: [
    { address: "10.9.0.2/24", gateway: "10.9.0.1", ...index },
    { address: "fd09::2/64", ...index },
  ],
  routes,
  dns,
});

const kindOf = (version: string) => (/^0\.[12]/.test(version) ? "old" : version < "1" ? "middle" : "recent");
const forms = { old: () => old, middle, recent };

/** The attachment in the form of a version, having been through that of another. */
const resultOf = (version: string, through = version): object => {
  const isLost = kindOf(through) === "old";
  const [interfaces, index] = isLost ? [{}, {}] : [{ interfaces: [eth0] }, { interface: 0 }];
  return { cniVersion: version, ...forms[kindOf(version)](interfaces, index) };
};

describe.runIf(canRun("ip"))("a previous result", () => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
    await node.addNetns("c");
    return () => node.dispose();
  });

  const pass = (cniVersion: string, prevResult: unknown) =>
    run(node, "loopback", {
      command: "ADD",
      config: { cniVersion, name: "net", type: "loopback", prevResult },
    });

  test.each(versions)("of %s is passed on in the version of the configuration", async (from) => {
    for (const to of versions) {
      expect(expectResult(await pass(to, resultOf(from)), `${from} in ${to}`)).toEqual(resultOf(to, from));
    }
  });

  test.each(versions)(
    "that does not tell its version is taken to be of the configuration's, %s",
    async (version) => {
      const { cniVersion: _, ...silent } = resultOf(version) as Record<string, unknown>;
      expect(expectResult(await pass(version, silent))).toEqual(resultOf(version));
    },
  );

  const broken: [string, unknown, number][] = [
    ["of an unknown version", { cniVersion: "9.0.0" }, 1],
    ["that is a list", [], 6],
    ["that is text", "result", 6],
    ["whose addresses are none", { cniVersion: "1.0.0", ips: [{ address: "here" }] }, 7],
    ["whose interfaces are text", { cniVersion: "1.0.0", interfaces: "eth0" }, 6],
  ];

  test.each(broken)(
    "%s is refused by ADD and CHECK, and does not keep DEL from its work",
    async (_, prevResult, code) => {
      const config = { cniVersion: "1.0.0", name: "net", type: "loopback", prevResult };
      for (const command of ["ADD", "CHECK"] as const) {
        expectError(await run(node, "loopback", { command, config }), code, command);
      }
      expectSilence(await run(node, "loopback", { command: "DEL", config }));
    },
  );

  /** What that release of the reference knows: it is older than the attributes of routes. */
  const known = results
    .filter(({ ips }) => ips.length > 0)
    .map((result) => ({
      ...result,
      routes: result.routes.map(({ destination, gateway }) => ({
        destination,
        ...(gateway === undefined ? {} : { gateway }),
      })),
    }));

  // tuning with nothing to tune prints what it was given.
  test.runIf(canRun(referencePlugin("tuning"))).each(["0.2.0", "0.3.1", "0.4.0", "1.0.0"] as const)(
    "of %s comes out as the reference's tuning has it",
    async (version: CniVersion) => {
      const property = fc.asyncProperty(known, async (result) => {
        const prevResult = writeResult(result, version);
        const container = { containerId: "c", netns: "/run/netns/c", ifname: "lo" };
        const config = { cniVersion: version, name: "net", type: "tuning", prevResult };
        const theirs = await node.plugin(referencePlugin("tuning"), { command: "ADD", ...container, config });
        expect(comparable(expectResult(await pass(version, prevResult)))).toEqual(
          comparable(expectResult(theirs)),
        );
      });
      await fc.assert(property, { numRuns: sweepSize({ spread: 15, all: 200 }) });
    },
    300_000,
  );
});

/** The reference writes an empty dns in 1.0.0 too. */
const comparable = ({ dns: servers, ...result }: Record<string, unknown>): object =>
  Object.keys(servers ?? {}).length === 0 ? result : { ...result, dns: servers };
