import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findNetwork, readList } from "../../cli/network/configuration.ts";
import { bridge, files, network } from "./podwire.ts";

const refuse = (text: string): never => {
  throw new Error(text);
};
const read = (list: object) => readList(JSON.stringify(list), "/nonexistent");

describe("a conflist", () => {
  test.each([
    [{ cniVersion: "0.4.0" }, "0.4.0"],
    [{ cniVersion: "0.4.0", cniVersions: ["1.0.0", "0.3.1"] }, "1.0.0"],
    [{ cniVersions: ["1.0.0", "1.1.0", "2.0.0"] }, "1.1.0"],
    [{ cniVersion: "1.1.0", cniVersions: ["0.4.0"] }, "1.1.0"],
    [{ cniVersion: undefined }, ""],
  ])("with %j is of version %j", (keys, version) => {
    expect(read(network({ cniVersion: undefined, ...keys })).cniVersion).toBe(version);
  });

  test("has flags as true, false, and as text", () => {
    expect(read(network())).toMatchObject({ disableCheck: false, disableGc: false });
    expect(read(network({ disableCheck: true, disableGC: "TRUE" }))).toMatchObject({
      disableCheck: true,
      disableGc: true,
    });
    expect(() => read(network({ disableCheck: "maybe" }))).toThrow("disableCheck");
  });

  test.each([
    [{ name: "" }, '"name"'],
    [{ name: "../net" }, '"../net"'],
    [{ plugins: [] }, "no plugins"],
    [{ plugins: {} }, '"plugins"'],
    [{ plugins: [{ name: "x" }] }, "plugins[0].type"],
    [{ plugins: ["bridge"] }, "plugins[0]"],
  ])("with %j is refused", (keys, words) => {
    expect(() => read(network(keys))).toThrow(words);
  });
});

describe("a folder of configurations", () => {
  test("is searched as libcni does: conflists by name of file, then single plugins", () => {
    using folder = files({
      "20.conflist": network({ cniVersion: "1.0.0" }),
      "10.conf": { ...bridge, cniVersion: "0.4.0", name: "net" },
      "05.conf": { ...bridge, cniVersion: "0.3.1", name: "single" },
      "30.conflist": network({ cniVersion: "0.4.0" }),
    });
    const warnings: string[] = [];
    expect(findNetwork(folder.path, "net", (text) => warnings.push(text))?.cniVersion).toBe("1.0.0");
    const [first, ...others] = ["20.conflist", "30.conflist", "10.conf"].map((name) =>
      join(folder.path, name),
    );
    expect(warnings).toEqual(
      others.map((file) => `${file} has a network "net" too: that of ${first} is taken`),
    );
    expect(findNetwork(folder.path, "single", refuse)).toMatchObject({
      name: "single",
      cniVersion: "0.3.1",
      plugins: [{ type: "bridge" }],
    });
    expect(findNetwork(folder.path, "other", refuse)).toBeUndefined();
    expect(findNetwork(`${folder.path}/none`, "net", refuse)).toBeUndefined();
  });

  test("goes on behind a broken file, and says so with line and column", () => {
    using folder = files({
      "10.conflist": '{\n  "name": "a",,\n}',
      "15.conflist": "{}",
      "20.conflist": network(),
    });
    const warnings: string[] = [];
    expect(findNetwork(folder.path, "net", (text) => warnings.push(text))?.name).toBe("net");
    expect(warnings).toEqual([
      `${folder.path}/10.conflist:2:15 is passed over: a key in double quotes is expected here`,
      expect.stringContaining('15.conflist is passed over: "name" is missing'),
    ]);
  });

  test("may have plugins in a folder of the network's name, unless the list says no", () => {
    const types = (keys: object) => {
      using folder = files({
        "10.conflist": network(keys),
        "net/20.conf": { type: "portmap" },
        "net/10.conf": { type: "tuning" },
        "net/note.txt": "none",
      });
      return findNetwork(folder.path, "net", refuse)?.plugins.map(({ type }) => type);
    };
    expect(types({})).toEqual(["bridge", "tuning", "portmap"]);
    expect(types({ plugins: undefined })).toEqual(["tuning", "portmap"]);
    expect(types({ loadOnlyInlinedPlugins: true })).toEqual(["bridge"]);
  });
});
