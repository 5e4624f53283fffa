import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { execa } from "execa";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { exampleOf, findPluginFolders } from "../../scripts/plugins.ts";
import { type Described, findSchemas } from "../../scripts/schemas/find.ts";
import { commonKeys } from "../../shared/cni/common-keys.ts";
import type { Properties, Shape } from "../../shared/cni/schema.ts";
import { evaluator, projectRoot, writeModule } from "../helpers/index.ts";

type Json = Record<string, unknown>;
type Path = readonly (string | number)[];

const schemaFile = (name: string) =>
  JSON.parse(readFileSync(join(projectRoot, `dist/schemas/${name}.schema.json`), "utf8")) as object;

const ajv = new Ajv2020({
  allErrors: true,
  allowUnionTypes: true,
  strictTypes: false,
  strictRequired: false,
});
const conflist = ajv.compile(schemaFile("conflist"));
const accepts = (plugin: Json): boolean => conflist({ cniVersion: "1.1.0", name: "net", plugins: [plugin] });

/** The plugins' configurations in the examples: what random changes begin with. */
const examples = readdirSync(join(projectRoot, "conf-examples"))
  .filter((name) => name.endsWith(".conflist"))
  .map(
    (name) =>
      JSON.parse(readFileSync(join(projectRoot, "conf-examples", name), "utf8")) as { plugins: Json[] },
  )
  .concat(findPluginFolders().flatMap((plugin) => exampleOf(plugin) ?? []))
  .flatMap(({ plugins }) => plugins);

/** Keys that no plugin reads: libcni's, and the runner's, for which a log is no reason to fail. */
const unread: readonly string[] = ["cniVersion", "name", "type", "capabilities", "podwireLog"];

function pathsIn(properties: Properties, all: readonly Described[]): Path[] {
  return Object.entries(properties).flatMap(([key, shape]) =>
    unread.includes(key) ? [] : [[key], ...pathsBelow(shape, all).map((path) => [key, ...path])],
  );
}

function pathsBelow(shape: Shape, all: readonly Described[]): Path[] {
  if (shape.type === "object") return pathsIn(shape.properties, all);
  if (shape.type === "array") return [[0], ...pathsBelow(shape.items, all).map((path) => [0, ...path])];
  const hostLocal = all.find(({ name }) => name === "host-local");
  return shape.type === "ipam" ? pathsIn(hostLocal?.schema.properties ?? {}, all) : [];
}

/** The object or list at a path, made on the way. */
function setAt(target: Json, path: Path, value: unknown): void {
  let at: Record<string | number, unknown> = target;
  path.slice(0, -1).forEach((key, index) => {
    if (typeof at[key] !== "object" || at[key] === null)
      at[key] = typeof path[index + 1] === "number" ? [] : {};
    at = at[key] as Record<string | number, unknown>;
  });
  at[path.at(-1) ?? ""] = value;
}

const values = fc.oneof(
  fc.boolean(),
  fc.constantFrom(null, {}, [], "", 1.5, [null], [[]], [[{}]], [{}], [1], ["x"], ["10.1.0.0/24"]),
  fc.integer({ min: -2, max: 70_000 }),
  fc.constantFrom(4294967296, 16777215, 16777216, 65535, 65536, 4094, 4095, 255, 256),
  fc.constantFrom(
    "iptables",
    "nftables",
    "l2",
    "l3",
    "set",
    "ptp",
    "bridge",
    "10.1.0.0/24",
    "x",
    "host-local",
  ),
);

const passedToBridge = ["hairpinMode", "macspoofchk", "enabledad", "portIsolation"];
const passedInL2 = ["isGateway", "isDefaultGateway", "forceAddress"];

/** Whether a plugin reads the key in this configuration at all: what it does not read, it cannot refuse. */
function isRead(plugin: Json, [key, below]: Path): boolean {
  const ipam = plugin["ipam"] as Json | undefined;
  const isHostLocal = ipam?.["type"] === "host-local";
  if (key === "ipam" && below !== undefined && !isHostLocal) return false;
  if (key === "ipam" && ["rangeStart", "rangeEnd", "gateway"].includes(String(below)))
    return typeof ipam?.["subnet"] === "string" && ipam["subnet"] !== "";
  if (key === "runtimeConfig" && (below === "ips" || below === "ipRanges")) return isHostLocal;
  if (plugin["type"] !== "vxlan") return true;
  const isL2 = plugin["mode"] === "l2";
  if (key === "l2") return isL2;
  if (key === "l3") return !isL2;
  if (passedInL2.includes(String(key))) return isL2;
  const l3 = plugin["l3"] as Json | undefined;
  return !passedToBridge.includes(String(key)) || isL2 || l3?.["attach"] === "bridge";
}

interface Found {
  readonly severity: string;
  readonly message: string;
}

/** What the plugins' own readers say of each configuration: on the engine that they are made for. */
async function readAll(plugins: readonly Json[], all: readonly Described[]): Promise<Found[][]> {
  const imports = all.map(({ folder }, at) => {
    return `import validate${at} from ${JSON.stringify(join(folder, "validate.ts"))};`;
  });
  const entries = all.map(
    ({ name, isIpam }, at) => `"${name}": { isIpam: ${isIpam}, validate: validate${at} }`,
  );
  await using script = await writeModule(`${imports.join("\n")}
    import { checkByReaders } from "./cli/validate/semantics.ts";
    import { readStandardInput } from "./shared/system/stdio.ts";
    import { decodeText } from "./shared/system/text.ts";
    const catalogue = { __proto__: null, ${entries.join(", ")} };
    const plugins = JSON.parse(decodeText(readStandardInput()));
    const shared = { name: "net", cniVersion: "1.1.0" };
    console.log(JSON.stringify(plugins.map((raw) => checkByReaders(raw, shared, [], catalogue))));`);
  const { stdout } = await execa(evaluator, script.words, { input: JSON.stringify(plugins) });
  return JSON.parse(stdout) as Found[][];
}

let all: readonly Described[];
beforeAll(async () => {
  all = await findSchemas();
});

/** Configurations with one or two keys changed at random, of which all that was changed is read. */
function changedConfigurations(): Json[] {
  const change = (plugin: Json) => {
    const described = all.find(({ name }) => name === plugin["type"]);
    const { properties = {}, capabilities = {} } = described?.schema ?? {};
    const runtimeConfig = { type: "object", properties: capabilities } as const;
    const paths = pathsIn({ ...commonKeys, runtimeConfig, ...properties }, all);
    return fc
      .array(fc.tuple(fc.constantFrom(...paths), values), { minLength: 1, maxLength: 2 })
      .map((changes) => {
        const changed = structuredClone(plugin);
        // A copy: a second change may go into it, and the next configuration gets it too.
        for (const [path, value] of changes) setAt(changed, path, structuredClone(value));
        return changes.every(([path]) => isRead(changed, path)) ? [changed] : [];
      });
  };
  return fc.sample(fc.constantFrom(...examples).chain(change), 4000).flat();
}

describe("schemas and readers", () => {
  test("agree on every configuration that was changed at random", async () => {
    const plugins = changedConfigurations();
    const readings = await readAll(plugins, all);
    const refusedBySchema = plugins.filter((plugin) => !accepts(plugin));
    const ofWrongType = plugins.filter((_, index) =>
      readings[index]?.some(({ message }) => /^must be .*, but it is/.test(message)),
    );
    // What the schema refuses, the plugin refuses; what the plugin cannot read for its type, the schema refuses.
    const lenient = refusedBySchema.filter((plugin) => readings[plugins.indexOf(plugin)]?.length === 0);
    expect(lenient.map((plugin) => JSON.stringify(plugin))).toEqual([]);
    expect(ofWrongType.filter(accepts).map((plugin) => JSON.stringify(plugin))).toEqual([]);
    // And both happened often enough to mean something.
    expect(refusedBySchema.length).toBeGreaterThan(100);
    expect(ofWrongType.length).toBeGreaterThan(100);
    expect(plugins.length - refusedBySchema.length).toBeGreaterThan(100);
  });

  test("accept all examples", async () => {
    expect(examples.filter((plugin) => !accepts(plugin))).toEqual([]);
    expect((await readAll(examples, all)).flat()).toEqual([]);
  });
});
