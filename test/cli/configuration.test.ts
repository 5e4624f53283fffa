import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canRun, createNode, type Node, runModule } from "../helpers/index.ts";
import { bridge, files, network } from "./podwire.ts";

let node: Node;
beforeAll(async () => {
  node = await createNode();
});
afterAll(() => node.dispose());

interface List {
  readonly name: string;
  readonly cniVersion: string;
  readonly disableCheck: boolean;
  readonly disableGc: boolean;
  readonly plugins: readonly { readonly type: string }[];
}

const inModule = <Value>(statement: string): Promise<Value> =>
  runModule<Value>(
    node,
    `import { findNetwork, readList } from "./cli/network/configuration.ts";
     const said = () => { try { return ${statement}; } catch (thrown) { return { failure: thrown.message }; } };
     console.log(JSON.stringify(said()));`,
  );

const read = (list: object) =>
  inModule<List & { failure?: string }>(`readList(${JSON.stringify(JSON.stringify(list))}, "/nonexistent")`);

/** The network of that name in a folder, if there is one, and the warnings. */
async function find(folder: string, name: string): Promise<{ list: List | undefined; warnings: string[] }> {
  const search = `findNetwork(${JSON.stringify(folder)}, ${JSON.stringify(name)}, (text) => warnings.push(text))`;
  const found = await inModule<[string[], List | null]>(`((warnings) => [warnings, ${search} ?? null])([])`);
  const [warnings, list] = found;
  return { list: list ?? undefined, warnings };
}

describe.runIf(canRun("ip"))("a conflist", () => {
  test.each([
    [{ cniVersion: "0.4.0" }, "0.4.0"],
    [{ cniVersion: "0.4.0", cniVersions: ["1.0.0", "0.3.1"] }, "1.0.0"],
    [{ cniVersions: ["1.0.0", "1.1.0", "2.0.0"] }, "1.1.0"],
    [{ cniVersion: "1.1.0", cniVersions: ["0.4.0"] }, "1.1.0"],
    [{ cniVersion: undefined }, ""],
  ])("with %j is of version %j", async (keys, version) => {
    expect((await read(network({ cniVersion: undefined, ...keys }))).cniVersion).toBe(version);
  });

  test("has flags as true, false, and as text", async () => {
    expect(await read(network())).toMatchObject({ disableCheck: false, disableGc: false });
    expect(await read(network({ disableCheck: true, disableGC: "TRUE" }))).toMatchObject({
      disableCheck: true,
      disableGc: true,
    });
    expect((await read(network({ disableCheck: "maybe" }))).failure).toContain("disableCheck");
  });

  test.each([
    [{ name: "" }, '"name"'],
    [{ name: "../net" }, '"../net"'],
    [{ plugins: [] }, "no plugins"],
    [{ plugins: {} }, '"plugins"'],
    [{ plugins: [{ name: "x" }] }, "plugins[0].type"],
    [{ plugins: ["bridge"] }, "plugins[0]"],
  ])("with %j is refused", async (keys, words) => {
    expect((await read(network(keys))).failure).toContain(words);
  });
});

describe.runIf(canRun("ip"))("a folder of configurations", () => {
  test("is searched as libcni does: conflists by name of file, then single plugins", async () => {
    using folder = files({
      "20.conflist": network({ cniVersion: "1.0.0" }),
      "10.conf": { ...bridge, cniVersion: "0.4.0", name: "net" },
      "05.conf": { ...bridge, cniVersion: "0.3.1", name: "single" },
      "30.conflist": network({ cniVersion: "0.4.0" }),
    });
    const { list, warnings } = await find(folder.path, "net");
    expect(list?.cniVersion).toBe("1.0.0");
    const [first, ...others] = ["20.conflist", "30.conflist", "10.conf"].map((name) =>
      join(folder.path, name),
    );
    expect(warnings).toEqual(
      others.map((file) => `${file} has a network "net" too: the one in ${first} is used`),
    );
    expect(await find(folder.path, "single")).toMatchObject({
      list: { name: "single", cniVersion: "0.3.1", plugins: [{ type: "bridge" }] },
      warnings: [],
    });
    expect(await find(folder.path, "other")).toEqual({ list: undefined, warnings: [] });
    expect(await find(`${folder.path}/none`, "net")).toEqual({ list: undefined, warnings: [] });
  });

  test("goes on behind a broken file, and says so with line and column", async () => {
    using folder = files({
      "10.conflist": '{\n  "name": "a",,\n}',
      "15.conflist": "{}",
      "20.conflist": network(),
    });
    const { list, warnings } = await find(folder.path, "net");
    expect(list?.name).toBe("net");
    expect(warnings).toEqual([
      `${folder.path}/10.conflist:2:15 is skipped: a key in double quotes is expected here`,
      expect.stringContaining('15.conflist is skipped: "name" is missing'),
    ]);
  });

  test("has lists in a .conflist only, and single plugins in the other files only", async () => {
    using folder = files({
      "10.conf": network(),
      "20.json": network(),
      "30.conflist": { ...bridge, cniVersion: "1.0.0", name: "net" },
      "40.conflist": { ...network({ name: undefined }), Name: "net" },
      "50.json": network({ ...bridge, cniVersion: "1.0.0" }),
    });
    const { list, warnings } = await find(folder.path, "net");
    expect(list?.plugins).toHaveLength(1);
    expect(list?.cniVersion).toBe("1.0.0");
    const skipped = (name: string, why: RegExp) =>
      expect.stringMatching(new RegExp(`/${name} is skipped: ${why.source}`));
    expect(warnings).toEqual([
      skipped("30.conflist", /the network has no plugins .*ends in \.conf:/),
      skipped("40.conflist", /"name" is missing/),
      skipped("10.conf", /"type" is missing beside "plugins" .*ends in \.conflist/),
      skipped("20.json", /"type" is missing beside "plugins" .*ends in \.conflist/),
    ]);
  });

  test("may have plugins in a folder of the network's name, unless the list says no", async () => {
    const types = async (keys: object) => {
      using folder = files({
        "10.conflist": network(keys),
        "net/20.conf": { type: "portmap" },
        "net/10.conf": { type: "tuning" },
        "net/note.txt": "none",
        "net/00.conf/none": "a folder",
      });
      const { list, warnings } = await find(folder.path, "net");
      expect(warnings).toEqual([]);
      return list?.plugins.map(({ type }) => type);
    };
    expect(await types({})).toEqual(["bridge", "tuning", "portmap"]);
    expect(await types({ plugins: undefined })).toEqual(["tuning", "portmap"]);
    expect(await types({ loadOnlyInlinedPlugins: true })).toEqual(["bridge"]);
  });
});
