import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { distBin, projectRoot } from "../helpers/index.ts";
import { bridge, files, network, run } from "./podwire.ts";

interface Found {
  readonly line: number;
  readonly column: number;
  readonly severity: string;
  readonly path: string;
  readonly message: string;
  readonly advice: string;
}

/** What is found in one file. */
async function validate(content: object | string, name = "10-net.conflist", env = {}): Promise<Found[]> {
  using folder = files({ [name]: content });
  const { stdout } = await run(["validate", "--json", join(folder.path, name)], env);
  return JSON.parse(stdout) as Found[];
}

const found = (path: string, message: string, severity = "error") =>
  expect.objectContaining({ severity, path, message: expect.stringContaining(message) });
const withBridge = (keys: object) => network({ plugins: [{ ...bridge, ...keys }] });
const withIpam = (keys: object) => withBridge({ ipam: { ...bridge.ipam, ...keys } });

describe("podwire validate", () => {
  const examples = readdirSync(join(projectRoot, "conf-examples")).filter((name) =>
    name.endsWith(".conflist"),
  );

  test("finds nothing in the examples", async () => {
    const paths = examples.map((name) => join(projectRoot, "conf-examples", name));
    const { exitCode, stdout, stderr } = await run(["validate", ...paths]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout.split("\n")).toEqual(paths.map((path) => `${path}: ok`));
  });

  test("takes a folder for the configurations in it", async () => {
    const { exitCode, stdout } = await run(["validate", join(projectRoot, "conf-examples")]);
    expect(exitCode).toBe(0);
    expect(stdout.split("\n")).toHaveLength(examples.length);
  });

  test("prints a finding as compilers do, with line and column of the value", async () => {
    using folder = files({
      "10-net.conflist": `{
  "cniVersion": "1.1.0", "name": "net",
  "plugins": [
    { "type": "bridge", "isGatway": true,
      "mtu": 12 }
  ]
}`,
    });
    const file = join(folder.path, "10-net.conflist");
    const { exitCode, stdout } = await run(["validate", file]);
    expect(exitCode).toBe(1);
    expect(stdout.split("\n")).toEqual([
      `${file}:4:25: warning: plugins[0].isGatway is an unknown key (did you mean "isGateway"?)`,
      `${file}:5:14: error: plugins[0].mtu is 12 (give a number from 68 to 65535, or 0 for the uplink's)`,
    ]);
  });

  test.each([
    ["", 1, 1, "empty"],
    ["{\n", 2, 1, ""],
    ['{ "a": 1,\n  }', 2, 3, "key in double quotes"],
    ['{\n  "a" 1 }', 2, 7, "colon"],
    ['{ "a": 1 "b": 2 }', 1, 10, "comma"],
    ['{ "a": 01 }', 1, 9, ""],
    ["{ // no\n}", 1, 3, "comments"],
    ["{} {}", 1, 4, "nothing may follow"],
    ['{ "a": "b\n" }', 1, 8, "string"],
  ])("says where %j is no JSON", async (text, line, column, words) => {
    const [first, ...others] = await validate(text);
    expect(others).toEqual([]);
    expect(first).toMatchObject({ severity: "error", line, column });
    expect(first?.message).toContain(words);
  });

  test.each([
    ["a value of a wrong type", withBridge({ isGateway: "yes" }), "plugins[0].isGateway", "true or false"],
    [
      "an element of a wrong type",
      withIpam({ exclude: ["10.1.0.9", 3] }),
      "plugins[0].ipam.exclude[1]",
      "string",
    ],
    ["a number that is too large", withBridge({ vlan: 4095 }), "plugins[0].vlan", "4095"],
    ["an unknown word", withBridge({ ipMasqBackend: "pf" }), "plugins[0].ipMasqBackend", "pf"],
    ["a missing key", withIpam({ ranges: [[{}]] }), "plugins[0].ipam.ranges[0][0].subnet", "missing"],
    ["a missing name", network({ name: undefined }), "name", "missing"],
    ["a bad name", network({ name: "a b" }), "name", "a b"],
    ["an unknown version", network({ cniVersion: "7" }), "cniVersion", "7"],
    ["a list without plugins", network({ plugins: [] }), "plugins", "0 elements"],
    ["a plugin without a type", network({ plugins: [{}] }), "plugins[0].type", "missing"],
    [
      "host bits",
      withIpam({ ranges: [[{ subnet: "10.1.0.1/24" }]] }),
      "plugins[0].ipam.ranges[0][0].subnet",
      "host bits",
    ],
    [
      "keys that exclude each other",
      withBridge({ hairpinMode: true, promiscMode: true }),
      "plugins[0].hairpinMode",
      "promiscMode",
    ],
    [
      "an IPAM plugin that is not there",
      withBridge({ ipam: { type: "whereabouts" } }),
      "plugins[0].ipam.type",
      '"whereabouts"',
    ],
    ["a plugin that is not there", network({}, [{ type: "calico" }]), "plugins[1].type", '"calico"'],
  ])("finds %s", async (_, content, path, words) => {
    expect(await validate(content)).toContainEqual(found(path, words));
  });

  test("asks the plugins in the version that they will get", async () => {
    const l2 = { type: "bridge" };
    const of = (keys: object) => validate(network({ cniVersion: undefined, plugins: [l2], ...keys }));
    expect(await of({ cniVersion: "0.2.0" })).toEqual([
      found("plugins[0].cniVersion", "0.2.0 allows no network"),
    ]);
    expect(await of({ cniVersions: ["0.2.0", "1.0.0"] })).toEqual([]);
    expect(await of({})).toEqual([
      found("cniVersion", "is missing: that means 0.1.0", "warning"),
      found("plugins[0].cniVersion", "0.1.0 allows no network"),
    ]);
  });

  test("reports each error once, and all of them", async () => {
    const faults = await validate(
      network({}, [
        { type: "portmap", backend: 7, snat: 1, markMasqBit: 32 },
        { type: "ptp", mtu: -1 },
      ]),
    );
    expect(faults.map(({ path }) => path).sort()).toEqual([
      "plugins[1].backend",
      "plugins[1].capabilities",
      "plugins[1].markMasqBit",
      "plugins[1].snat",
      "plugins[2].ipam",
      "plugins[2].mtu",
      "plugins[2].type",
    ]);
  });

  test("checks what vxlan has made for the plugins that it runs", async () => {
    const vxlan = {
      type: "vxlan",
      mode: "l3",
      vni: 7,
      l3: { network: "10.2.0.0/16", subnets: "10.2.1.0/24" },
      ipam: { type: "host-local" },
    };
    expect(await validate(network({ plugins: [vxlan] }))).toEqual([]);
    const odd = { ...vxlan, nonMasqueradeCIDRs: ["10.0.0.1/8"], discovery: { peers: [{ vtep: "unknown" }] } };
    expect(await validate(network({ plugins: [odd] }))).toEqual([
      found("plugins[0].discovery.peers[0].vtep", "not an IP address"),
    ]);
    expect(await validate(network({ plugins: [{ ...odd, discovery: {} }] }))).toEqual([
      found("plugins[0].nonMasqueradeCIDRs[0]", "host bits"),
    ]);
  });

  test("looks into the folder of plugins of a network too", async () => {
    using folder = files({
      "10-net.conflist": network({ plugins: undefined }),
      "net/10.conf": '{\n  "type": "bridge",\n  "isGatway": true, "mtu": 12 }',
      "net/20.conf": "{",
      "net/30.conf": "[]",
    });
    const { exitCode, stdout } = await run(["validate", folder.path]);
    expect(exitCode).toBe(1);
    expect(stdout.split("\n")).toEqual([
      expect.stringContaining("/net/10.conf:3:3: warning: isGatway"),
      expect.stringContaining("/net/10.conf:3:28: error: mtu is 12"),
      expect.stringContaining("/net/20.conf:1:2: error: "),
      expect.stringContaining("/net/30.conf:1:1: error: is not an object"),
      `${folder.path}/10-net.conflist: ok`,
    ]);
    expect(await validate(network({ loadOnlyInlinedPlugins: true, plugins: undefined }))).toEqual([
      found("plugins", "is missing"),
    ]);
  });

  test("finds a list without plugins", async () => {
    expect(await validate(network({ plugins: undefined }))).toEqual([found("plugins", "is missing")]);
    expect(await validate(network({ plugins: [] }))).toEqual([found("plugins", "0 elements")]);
  });

  test("finds two networks of one name in a folder", async () => {
    using folder = files({
      "10-net.conflist": network(),
      "20-net.conf": { ...bridge, cniVersion: "1.0.0", name: "net" },
      "30-other.conflist": network({ name: "other" }),
    });
    const { exitCode, stdout } = await run(["validate", folder.path]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      /10-net\.conflist:1:\d+: error: name is also the name of the network in 20-net\.conf/,
    );
    expect(stdout).toMatch(
      /20-net\.conf:1:\d+: error: name is also the name of the network in 10-net\.conflist/,
    );
    expect(stdout).toContain("30-other.conflist: ok");
  });

  test("warns of unknown keys, and of keys in another case or repeated", async () => {
    const text = JSON.stringify(withBridge({ ISGATEWAY: true, colour: 1, "example.com/note": 1 }));
    const twice = text.replace('"bridge":"br0"', '"bridge":"br0","bridge":"br1"');
    expect(await validate(twice)).toEqual([
      found("", '"bridge" is repeated here', "warning"),
      found("plugins[0].ISGATEWAY", 'is read as "isGateway"', "warning"),
      found("plugins[0].colour", "is an unknown key", "warning"),
    ]);
    using folder = files({ "10-net.conflist": twice });
    expect(await run(["validate", folder.path])).toMatchObject({ exitCode: 0 });
  });

  test("leaves the keys of other plugins alone, if their executables are there", async () => {
    using folder = files({ bin: "" });
    const bin = join(folder.path, "bin");
    const content = network({}, [{ type: "true", colour: 1, ipam: { type: "false", x: 1 } }]);
    expect(await validate(content, "10-net.conflist", { CNI_PATH: `${bin}:/bin:${distBin}` })).toEqual([]);
  });
});
