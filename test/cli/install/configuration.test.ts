import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { canRun, projectRoot, referencePlugin } from "../../helpers/index.ts";
import { giveOwnFolder } from "../../helpers/own-folder.ts";
import { installer, Target } from "./target.ts";

const example = join(projectRoot, "conf-examples/single-node.conflist");
const folder = "/run/net.d";

const createTarget = async (): Promise<Target> => {
  const target = await Target.create();
  await target.node.exec("mkdir", [folder]);
  return target;
};

const withConf = (target: Target, ...args: string[]) =>
  target.install("--conf", example, "--conf-dir", folder, ...args);

const filesOf = async (target: Target) =>
  (await target.node.exec("ls", ["-A", folder])).stdout.split("\n").filter((name) => name !== "");

describe.runIf(canRun("ip", referencePlugin("bridge")))("podwire install and configurations", () => {
  test("writes none unless asked", async () => {
    await using target = await createTarget();
    await giveOwnFolder(target.node, "/etc/cni");
    await target.node.exec("mkdir", ["/etc/cni/net.d"]);
    expect((await target.install()).exitCode).toBe(0);
    expect((await target.node.exec("ls", ["-A", "/etc/cni/net.d"])).stdout).toBe("");
    const refused = await target.install("--conf-dir", folder);
    expect(refused).toMatchObject({ exitCode: 2, stdout: "" });
    expect(refused.stderr).toContain("--conf-dir needs --conf");
  });

  test("writes one as it is, under its own name or another, and leaves it the next time", async () => {
    await using target = await createTarget();
    expect(await withConf(target)).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await withConf(target)).stdout).toContain(`${folder}/single-node.conflist: unchanged`);
    expect((await withConf(target, "--conf-name", "99-last.conflist")).exitCode).toBe(0);
    expect(await filesOf(target)).toEqual(["99-last.conflist", "single-node.conflist"]);
    for (const name of await filesOf(target)) {
      expect(readFileSync(target.node.path(`${folder}/${name}`), "utf8")).toBe(readFileSync(example, "utf8"));
    }
  });

  test("names every file that a runtime would take instead", async () => {
    await using target = await createTarget();
    const others = [
      "05-other.conf",
      "10-a.conflist",
      "10-b.json",
      "00-notes.txt",
      ".hidden.conflist",
      "zz.conflist",
    ];
    for (const other of others) writeFileSync(target.node.path(`${folder}/${other}`), "{}");
    const { exitCode, stderr, stdout } = await withConf(target, "--conf-name", "10-c.conflist", "--json");
    expect(exitCode).toBe(0);
    for (const other of ["05-other.conf", "10-a.conflist", "10-b.json", ".hidden.conflist"])
      expect(stderr).toContain(`${folder}/${other}`);
    expect(stderr).not.toMatch(/notes|zz/);
    const report = JSON.parse(stdout);
    expect(report.configuration).toEqual({ file: `${folder}/10-c.conflist`, action: "installed" });
    expect(report.warnings).toEqual([stderr.replace("podwire install: warning: ", "").trim()]);
  });

  test("of a folder writes the file of the node, or that for all, or none", async () => {
    await using target = await createTarget();
    await target.node.exec("mkdir", ["/run/map"]);
    const fromFolder = ["--conf", "/run/map", "--conf-dir", folder, "--conf-name", "10-pods.conflist"];
    const written = () => readFileSync(target.node.path(`${folder}/10-pods.conflist`), "utf8");
    const none = await target.install(...fromFolder, "--node", "n1");
    expect(none.exitCode).toBe(0);
    expect(none.stderr).toMatch(/no configuration is written: \/run\/map .*n1\.conflist/);
    expect(await filesOf(target)).toEqual([]);
    const text = (name: string) =>
      JSON.stringify({ cniVersion: "1.0.0", name, plugins: [{ type: "bridge" }] });
    for (const name of ["n1", "n2", "all-nodes"])
      writeFileSync(target.node.path(`/run/map/${name}.conflist`), text(name));
    for (const [node, name] of [
      ["n1", "n1"],
      ["n2", "n2"],
      ["n3", "all-nodes"],
    ] as const) {
      expect(await target.install(...fromFolder, "--node", node)).toMatchObject({ exitCode: 0, stderr: "" });
      expect(written()).toBe(text(name));
    }
    const command = [installer, "install", "--bin-dir", "/run/bin", ...fromFolder];
    await target.node.exec("env", ["NODE_NAME=n2", ...command]);
    expect(written()).toBe(text("n2"));
  });

  test("reports its unknown keys", async () => {
    await using target = await createTarget();
    const text =
      '{ "cniVersion": "1.0.0", "name": "n", "plugins": [\n{ "type": "bridge", "isGatway": true }] }';
    writeFileSync(target.node.path("/run/odd.conflist"), text);
    const { exitCode, stderr } = await target.install("--conf", "/run/odd.conflist", "--conf-dir", folder);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/warning: \/run\/odd\.conflist:2:21: plugins\[0\]\.isGatway .*isGateway/);
    expect(await filesOf(target)).toEqual(["odd.conflist"]);
  });

  test("takes one whose ranges the runtime gives, and one that is called otherwise than a list", async () => {
    await using target = await createTarget();
    const ptp = { type: "ptp", capabilities: { ipRanges: true }, ipam: { type: "host-local" } };
    const text = JSON.stringify({ cniVersion: "1.0.0", name: "n", plugins: [ptp] });
    writeFileSync(target.node.path("/run/pods.json"), text);
    const asked = ["--conf", "/run/pods.json", "--conf-dir", folder, "--conf-name", "pods.conflist"];
    expect(await target.install(...asked)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await filesOf(target)).toEqual(["pods.conflist"]);
  });

  test("takes the place of one of that name, and leaves it where the new one is no good", async () => {
    await using target = await createTarget();
    const path = target.node.path(`${folder}/single-node.conflist`);
    writeFileSync(path, "of another program");
    writeFileSync(target.node.path("/run/bad.conflist"), '{ "name": ');
    const asked = ["--conf-dir", folder, "--conf-name", "single-node.conflist"];
    expect((await target.install("--conf", "/run/bad.conflist", ...asked)).exitCode).toBe(1);
    expect(readFileSync(path, "utf8")).toBe("of another program");
    expect((await withConf(target)).stdout).toContain(`${folder}/single-node.conflist: replaced`);
    expect(readFileSync(path, "utf8")).toBe(readFileSync(example, "utf8"));
  });

  test("of a folder that has none for the node any more, says that the earlier one is still there", async () => {
    await using target = await createTarget();
    await withConf(target, "--conf-name", "10-pods.conflist");
    await target.node.exec("mkdir", ["/run/map"]);
    const fromFolder = ["--conf", "/run/map", "--conf-dir", folder, "--conf-name"];
    const { exitCode, stderr } = await target.install(...fromFolder, "10-pods.conflist", "--node", "n1");
    expect(exitCode).toBe(0);
    expect(stderr).toContain(`${folder}/10-pods.conflist exists from earlier`);
    expect((await target.install(...fromFolder, "20-pods.conflist")).stderr).not.toContain("from earlier");
  });

  test("says which executables are missing for it", async () => {
    await using target = await createTarget();
    const { exitCode, stderr } = await withConf(target, "--plugins", "bridge");
    expect(exitCode).toBe(0);
    expect(stderr).toContain("needs host-local");
  });

  test.each([
    ["is not JSON", '{\n  "name": }', /bad\.conflist:2:11: a value is expected/],
    ["is empty", "", /bad\.conflist:1:1: .*empty/],
    ["is not an object", "[]", /bad\.conflist:1:1: must be an object/],
    ["has no name", '{ "cniVersion": "1.0.0", "plugins": [{ "type": "tuning" }] }', /1:1: name is missing/],
    ["has no plugins", '{ "cniVersion": "1.0.0", "name": "n", "type": "bridge" }', /"plugins" is missing/],
    [
      "has a plugin without type",
      '{ "cniVersion": "1.0.0", "name": "n", "plugins": [{}] }',
      /1:51: plugins\[0\]\.type is missing/,
    ],
    [
      "is of a version that does not exist",
      '{ "cniVersion": "9.0.0", "name": "n", "plugins": [{ "type": "tuning" }] }',
      /1:17: cniVersion/,
    ],
    [
      "its plugin would refuse at every ADD",
      '{ "cniVersion": "1.0.0", "name": "n", "plugins": [\n{ "type": "bridge", "mtu": 12 }] }',
      /bad\.conflist:2:28: plugins\[0\]\.mtu is 12/,
    ],
    [
      "has portmap first",
      '{ "cniVersion": "1.0.0", "name": "n", "plugins": [\n{ "type": "portmap" }, { "type": "bridge" }] }',
      /bad\.conflist:2:11: plugins\[0\]\.type is portmap/,
    ],
  ])("refuses one that %s, says where, and installs nothing", async (_what, text, words) => {
    await using target = await createTarget();
    writeFileSync(target.node.path("/run/bad.conflist"), text);
    const { exitCode, stderr } = await target.install("--conf", "/run/bad.conflist", "--conf-dir", folder);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(words);
    expect(stderr).toContain("/run/bad.conflist");
    expect(await target.names()).toEqual([]);
    expect(await filesOf(target)).toEqual([]);
  });

  test.each([
    ["a missing file", ["--conf", "/run/none.conflist", "--conf-dir", folder], /\/run\/none\.conflist/],
    [
      "a name that runtimes do not look at",
      ["--conf", example, "--conf-dir", folder, "--conf-name", "single-node"],
      /must end in \.conflist/,
    ],
    [
      "a name in another folder",
      ["--conf", example, "--conf-dir", folder, "--conf-name", "../a.conflist"],
      /--conf-name/,
    ],
    ["a missing folder", ["--conf", example, "--conf-dir", "/run/none"], /\/run\/none .*does not exist/],
  ])("refuses %s, and installs nothing", async (_what, args, words) => {
    await using target = await createTarget();
    const { exitCode, stderr } = await target.install(...args);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(words);
    expect(await target.names()).toEqual([]);
  });

  test("is content with a read-only folder that has the file", async () => {
    await using target = await createTarget();
    await withConf(target);
    await target.node.exec("mount", ["--bind", folder, folder]);
    await target.node.exec("mount", ["-o", "remount,bind,ro", folder]);
    expect(await withConf(target)).toMatchObject({ exitCode: 0, stderr: "" });
    const refused = await withConf(target, "--conf-name", "other.conflist");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("read-only");
  });
});
