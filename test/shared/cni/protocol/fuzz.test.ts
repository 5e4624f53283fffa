import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import {
  canRun,
  createNode,
  distBin,
  type Node,
  type PluginRun,
  type Snapshot,
} from "../../../helpers/index.ts";
import { sweepSize } from "../../../helpers/sweep.ts";
import { plugins, run, stateOf } from "../subjects.ts";

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const configuration: Json = {
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  isDefaultGateway: true,
  forceAddress: false,
  mtu: 1400,
  hairpinMode: true,
  promiscMode: false,
  enabledad: false,
  portIsolation: true,
  disableContainerInterface: false,
  vlan: 0,
  dns: { nameservers: ["192.0.2.1"], domain: "x", search: ["y"], options: ["z"] },
  args: { cni: { mac: "0a:00:00:00:00:01" } },
  runtimeConfig: { mac: "0a:00:00:00:00:02", ips: ["10.9.0.10"] },
  ipam: {
    type: "host-local",
    dataDir: "/run/data",
    ranges: [
      [{ subnet: "10.9.0.0/24", rangeStart: "10.9.0.9", rangeEnd: "10.9.0.20" }],
      [{ subnet: "fd09::/64" }],
    ],
    routes: [
      { dst: "192.0.2.0/24", gw: "10.9.0.1", mtu: 1400, advmss: 1300, priority: 5, table: 254, scope: 0 },
    ],
  },
  "cni.dev/valid-attachments": [{ containerID: "c", ifname: "eth0" }],
};

type Path = readonly string[];

const isNode = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null;

const pathsIn = (value: Json, path: Path = []): Path[] =>
  isNode(value)
    ? Object.keys(value)
        .flatMap((key) => pathsIn(value[key] ?? null, [...path, key]))
        .concat([path])
    : [path];

const replaced = (value: Json | undefined, path: Path, by: Json): Json => {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  if (Array.isArray(value))
    return value.map((each, at) => (String(at) === key ? replaced(each, rest, by) : each));
  const object = isNode(value) ? value : {};
  return { ...object, [key]: replaced(object[key], rest, by) };
};

/** Values that are nearly right for something, and values that are right for nothing. */
const oddities = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
  fc.constantFrom<Json>(null, "", 0, -1, 1.5, 1e20, 2 ** 31, 2 ** 32, true, [], {}, [[]], [null], [{}]),
  fc.constantFrom<Json>(
    "0.0.0.0/0",
    "::/0",
    "10.9.0.0/33",
    "10.9.0.1/24",
    "256.1.1.1",
    "::ffff:10.9.0.1",
    "fe80::1",
  ),
  fc.constantFrom<Json>("..", "/", "../../x", "\0", "\u00e9", "a".repeat(300), "%d", "$(reboot)", "-rf"),
  fc.constantFrom<Json>("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "0.1.0", "1.0.0", "host-local", "bridge"),
);

const changes = fc.array(fc.tuple(fc.constantFrom(...pathsIn(configuration)), oddities), {
  minLength: 1,
  maxLength: 2,
});
const changed = changes.map((list) =>
  list.reduce<Json>((value, [path, by]) => replaced(value, path, by), configuration),
);
const verbs = fc.constantFrom("ADD", "ADD", "CHECK", "DEL", "GC", "STATUS");

/** A store of addresses may be made by asking for it, or be emptied by GC. */
const withoutStore = ({ files, ...rest }: Snapshot): object => ({
  ...rest,
  files: files.filter((file) => !/^\/(run\/data|var\/lib\/cni\/networks)\//.test(file)),
});

/** One document, or nothing; words on standard error only if they are one line. */
const expectWellFormed = ({ exitCode, stdout, stderr, json }: PluginRun, hasResult: boolean): void => {
  expect(stderr).toBe("");
  if (exitCode === 0) expect(hasResult ? json : stdout).toEqual(hasResult ? expect.any(Object) : "");
  else
    expect([exitCode, json]).toEqual([
      1,
      expect.objectContaining({ code: expect.any(Number), msg: expect.any(String) }),
    ]);
  if (exitCode !== 0)
    expect(`${json.msg} ${json.details}`).not.toMatch(
      /undefined is not|is not a function|null is not|\[object/,
    );
};

describe.runIf(canRun("ip")).each(plugins)("%s", (plugin) => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
    await node.addNetns("c");
    return () => node.dispose();
  });

  test("answers any configuration as the specification says, and leaves nothing of an ADD that fails", async () => {
    const property = fc.asyncProperty(verbs, changed, async (command, json) => {
      const before = await stateOf(node);
      const call = { config: JSON.stringify(json), path: distBin };
      const outcome = await run(node, plugin, { command, ...call });
      expectWellFormed(outcome, command === "ADD");
      if (command !== "ADD" || outcome.exitCode !== 0) {
        expect(withoutStore(await stateOf(node))).toEqual(withoutStore(before));
        return;
      }
      expect(await run(node, plugin, { command: "DEL", ...call })).toMatchObject({ exitCode: 0, stdout: "" });
      expect((await node.exec("ip", ["-br", "link"])).stdout).not.toMatch(/^veth/m);
    });
    await fc.assert(property, { numRuns: sweepSize({ spread: 20, all: 400 }) });
  }, 300_000);
});
