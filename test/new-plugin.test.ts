import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneProject } from "./engine/clone.ts";
import { canRun, createNode, distBin, type Node, projectRoot } from "./helpers/index.ts";
import { Host } from "./plugins/attachment/host.ts";
import { addresses } from "./plugins/attachment/kernel-state.ts";

const minutes = 60_000;

describe.runIf(canRun("musl-gcc", "ip"))("npm run new-plugin NAME", () => {
  // Not in /run: the tests in the clone have nodes with a /run of their own.
  const folder = mkdtempSync(join(tmpdir(), "podwire-clone-"));
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
    await cloneProject(node, folder);
  }, minutes);
  afterAll(async () => {
    await node?.dispose();
    rmSync(folder, { recursive: true });
  });

  /** Runs a program of the clone's in it. */
  const run = (script: string, ...words: string[]) =>
    node.exec(process.execPath, [...(script.endsWith(".ts") ? ["--import", "tsx"] : []), script, ...words], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "/root", NO_COLOR: "1" },
      reject: false,
      timeout: 5 * minutes,
    });
  const newPlugin = (...words: string[]) => run("scripts/new-plugin.ts", ...words);

  test.each([
    [[], /give the plugin a name/],
    [["My Net"], /no name for a plugin/],
    [["../x"], /no name for a plugin/],
    [["bridge"], /has bridge already/],
    [["podwire"], /has podwire already/],
  ])("refuses %j", async (words, reason) => {
    const { exitCode, stderr } = await newPlugin(...words);
    expect(stderr).toMatch(reason);
    expect(exitCode).toBe(1);
  });

  test(
    "makes one folder that is typed, formatted, built, tested, and known to podwire",
    async () => {
      const before = readdirSync(node.path(folder));
      expect(await newPlugin("my-net")).toMatchObject({ exitCode: 0 });
      expect((await newPlugin("my-net")).stderr).toMatch(/my-net is there already|has my-net already/);
      expect(readdirSync(node.path(folder))).toEqual(before);

      expect(await run("node_modules/typescript/bin/tsc", "--noEmit")).toMatchObject({
        exitCode: 0,
        stdout: "",
      });
      const biome = await run("node_modules/@biomejs/biome/bin/biome", "check", "plugins/my-net");
      expect(biome, biome.stdout).toMatchObject({ exitCode: 0 });
      const built = await run("scripts/build.ts");
      expect(built.stdout, built.stderr).toContain("my-net");
      expect(built.stdout).not.toContain("_template");

      // Its own tests, and those that ask something of every plugin: nothing had to be told to them.
      const chosen = [
        "plugins/my-net",
        "test/conf-examples/plugin-folders",
        "test/plugins/programs",
        "test/build.test",
      ];
      const tested = await run("node_modules/vitest/vitest.mjs", "run", ...chosen);
      expect(tested.exitCode, `${tested.stdout}\n${tested.stderr}`).toBe(0);
      expect(tested.stdout).toMatch(/my-net\.test\.ts/);
      expect(tested.stdout).toMatch(/Test Files +4 passed/);
      expect(readdirSync(node.path(`${folder}/dist/schemas`))).toContain("my-net.schema.json");
    },
    10 * minutes,
  );
});

describe.runIf(canRun("musl-gcc", "npm", "ip"))("npm run new-plugin NAME -- --folder FOLDER", () => {
  let scratch: string;
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), "podwire-plugin-"));
    return () => rmSync(scratch, { recursive: true });
  });

  /** As npm would install the packages that the new package.json names. */
  const install = (project: string): void => {
    const names = Object.keys(
      (JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as { devDependencies: object })
        .devDependencies,
    );
    mkdirSync(join(project, "node_modules"));
    for (const name of names) {
      const target = name === "podwire" ? projectRoot : join(projectRoot, "node_modules", name);
      symlinkSync(target, join(project, "node_modules", name));
    }
    const bin = join(projectRoot, "node_modules/.bin");
    symlinkSync(bin, join(project, "node_modules/.bin"));
  };

  test(
    "makes a project that uses this one as an SDK: typed, built by its own scripts, tested, attached with",
    async () => {
      const words = ["--import", "tsx", "scripts/new-plugin.ts", "my-net", "--folder", scratch];
      await execa(process.execPath, words, { cwd: projectRoot });
      const project = join(scratch, "my-net");
      install(project);
      const npm = (script: string) =>
        execa("npm", ["run", script], { cwd: project, reject: false, env: { CI: "1" } });

      expect(await npm("typecheck")).toMatchObject({ exitCode: 0 });
      const config = join(project, "config.ts");
      const text = readFileSync(config, "utf8");
      writeFileSync(config, text.replace('known.boolean("hostUp")', 'known.text("hostUp")'));
      expect((await npm("typecheck")).stdout).toMatch(/config\.ts.*error TS/);
      writeFileSync(config, text);

      const built = await npm("build");
      expect(built.exitCode, `${built.stdout}\n${built.stderr}`).toBe(0);
      expect(readdirSync(join(project, "dist")).sort()).toEqual(["my-net", "my-net.schema.json"]);
      const tested = await npm("test");
      expect(tested.exitCode, `${tested.stdout}\n${tested.stderr}`).toBe(0);

      const executable = join(project, "dist/my-net");
      const { stderr } = await execa(executable, ["--version"], { env: {}, extendEnv: false });
      expect(stderr).toMatch(/my-net 0\.1\.0: joins a container/);
      const file = await execa("file", ["-b", executable], { reject: false });
      if (file.exitCode === 0) expect(file.stdout).toMatch(/statically linked|static-pie linked/);
      await using node = await createNode();
      const host = new Host(node, executable, distBin);
      const pod = await host.pod("a");
      const ipam = { type: "host-local", subnet: "10.1.0.0/24" };
      const network = { cniVersion: "1.1.0", name: "net", type: "my-net", ipam };
      const result = await host.add(pod, network);
      expect(await addresses(node, "eth0", "a")).toEqual(["10.1.0.2/24"]);
      await host.check(pod, network, result);
      await host.del(pod, network);
    },
    5 * minutes,
  );

  test(
    "the executable answers to the plugin's name only",
    async () => {
      const words = ["--import", "tsx", "scripts/new-plugin.ts", "lone", "--folder", scratch];
      await execa(process.execPath, words, { cwd: projectRoot });
      const folder = join(scratch, "lone");
      const build = ["--import", "tsx", "scripts/build.ts", "--plugin", folder];
      await execa(process.execPath, build, { cwd: projectRoot });
      symlinkSync("dist/lone", join(folder, "podwire"));
      const aliased = await execa(join(folder, "podwire"), [], { reject: false, input: "" });
      expect(aliased.stderr).toMatch(/^podwire lone /);
      const empty = join(scratch, "empty");
      mkdirSync(empty);
      const failed = await execa(process.execPath, [...build.slice(0, 4), empty], {
        cwd: projectRoot,
        reject: false,
      });
      expect(failed).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/empty has no index\.ts/) });
    },
    2 * minutes,
  );
});
