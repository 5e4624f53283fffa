import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestOfFile } from "../../scripts/digest.ts";
import { cacheFolder } from "../../scripts/engine/cache.ts";
import { builtPlugin, canRun, createNode, type Node, projectRoot } from "../helpers/index.ts";
import { originalArchive } from "./archives.ts";
import { build, cloneProject } from "./clone.ts";

const minutes = 60_000;

/** Everything in it would betray the building machine, if it were found in an executable. */
const stranger = {
  HOME: "/run/home-of-zuzana",
  USER: "zuzana",
  LOGNAME: "zuzana",
  TMPDIR: "/run/temporary-of-zuzana",
  TZ: "Asia/Kathmandu",
  LANG: "de_DE.UTF-8",
  SOURCE_DATE_EPOCH: "86400",
  API_TOKEN: "squeamish-ossifrage",
  // Variables that compilers, tar and xz read.
  CPATH: "/run/wrong-headers",
  C_INCLUDE_PATH: "/run/wrong-headers",
  LIBRARY_PATH: "/run/wrong-libraries",
  REALGCC: "/run/wrong-compiler",
  TAR_OPTIONS: "--no-such-option",
  XZ_OPT: "--no-such-option",
  npm_config_user_agent: "npm/of-zuzana",
};
const user = 12345;
const folder = "/run/clone of zuzana";
const offline = "/run/archives-of-zuzana";

describe.runIf(canRun("musl-gcc", "setpriv", "ip"))("a build", () => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
    const archive = await originalArchive();
    for (const place of [
      offline,
      "/run/wrong-headers",
      "/run/wrong-libraries",
      stranger.HOME,
      stranger.TMPDIR,
    ])
      mkdirSync(node.path(place));
    for (const place of [stranger.HOME, stranger.TMPDIR]) chmodSync(node.path(place), 0o777);
    // As where the folder for temporary files may not hold programs.
    await node.exec("mount", ["-t", "tmpfs", "-o", "mode=777,noexec", "tmpfs", stranger.TMPDIR]);
    for (const name of ["stdio.h", "string.h"])
      writeFileSync(node.path(`/run/wrong-headers/${name}`), "#error the wrong header\n");
    writeFileSync(node.path(`${offline}/quickjs-2025-04-26.tar.xz`), archive);
    await cloneProject(node, folder);
  }, 2 * minutes);
  afterAll(() => node.dispose());

  const executableOf = (output: string) => node.path(`${output}/bin/podwire`);
  const expectSame = (output: string) =>
    expect(digestOfFile(executableOf(output))).toBe(digestOfFile(builtPlugin("podwire")));
  /** Engines as this machine has kept them, for the executables here and for those of the sanitizers or another processor. */
  const own = join(cacheFolder(), "engine");
  const kept = join(stranger.HOME, ".cache/podwire/engine");
  /** The kept engines of the clone that are what this machine has. */
  const soundEngines = (): string[] =>
    readdirSync(own)
      .map((name) => [join(own, name), node.path(join(kept, name))] as const)
      .filter(([ours, theirs]) => readFileSync(ours).equals(readFileSync(theirs)))
      .map(([, theirs]) => theirs);
  const damageEngines = async () => {
    await node.exec("mkdir", ["-p", kept]);
    for (const name of readdirSync(own)) {
      const content = readFileSync(join(own, name));
      content[content.length - 1] = (content.at(-1) ?? 0) ^ 1;
      writeFileSync(node.path(join(kept, name)), content, { mode: 0o600 });
    }
    await node.exec("chown", ["-R", `${user}:${user}`, join(stranger.HOME, ".cache")]);
    expect(soundEngines()).toEqual([]);
  };

  test(
    "without a network says what to do, and leaves nothing",
    async () => {
      const { exitCode, stderr } = await build(node, { folder, env: { HOME: "/run/nothing-kept" }, user });
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(
        /^build: the source of QuickJS \S+ is not to be had:\n(.*\n)+.*set PODWIRE_ENGINE_SOURCE to it\.$/,
      );
      expect(readdirSync(node.path(`${folder}/dist`))).toEqual([]);
    },
    5 * minutes,
  );

  test(
    "by another user, elsewhere, in another environment, at another time, with damaged files of a former one, gives the same bytes",
    async () => {
      const env = { ...stranger, PODWIRE_ENGINE_SOURCE: offline };
      await damageEngines();
      const { exitCode, stderr } = await build(node, { folder, env, user });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expectSame(`${folder}/dist`);
      expect(soundEngines()).toHaveLength(1);
      // tsx keeps what it has compiled of the scripts.
      expect(readdirSync(node.path(stranger.TMPDIR))).toEqual([`tsx-${user}`]);
    },
    10 * minutes,
  );

  test("leaves nothing of the building machine in the executable", async () => {
    const places = ["/run/", "/tmp/", "/root/", "/home/", "/usr/include", "/usr/lib/gcc", projectRoot];
    // Shorter ones would be found by chance.
    const values = [...Object.values(stranger), hostname()].filter((value) => value.length > 6);
    const content = readFileSync(executableOf(`${folder}/dist`)).toString("latin1");
    // /run/ and /tmp/ are in messages and paths of the program's own.
    const own = readFileSync(node.path(`${folder}/dist/podwire.js`), "latin1");
    const strange = [...places.filter((place) => !own.includes(place)), ...values, "zuzana"];
    expect(strange.length).toBeGreaterThan(10);
    expect(strange.filter((text) => content.includes(text))).toEqual([]);
  });

  test(
    "in another clone takes what the first one has kept, without network and without compiling the engine",
    async () => {
      await cloneProject(node, "/run/second");
      const inodes = () => soundEngines().map((engine) => statSync(engine).ino);
      const before = inodes();
      const options = ["--output", "/run/output-of-second"];
      mkdirSync(node.path("/run/output-of-second"));
      chmodSync(node.path("/run/output-of-second"), 0o777);
      const { exitCode, stderr } = await build(node, { folder: "/run/second", options, env: stranger, user });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expectSame("/run/output-of-second");
      expect(inodes()).toEqual(before);
    },
    5 * minutes,
  );

  test(
    "beside another one in the same folder gives whole files, and the same",
    async () => {
      const builds = await Promise.all([1, 2].map(() => build(node, { folder, env: stranger, user })));
      expect(builds).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }]);
      expectSame(`${folder}/dist`);
      const names = readdirSync(node.path(`${folder}/dist`)).sort();
      expect(names).toEqual([
        "bin",
        "evaluate",
        "podwire.js",
        "podwire.linked.json",
        "podwire.meta.json",
        "schemas",
      ]);
      const bin = node.path(`${folder}/dist/bin`);
      expect(readdirSync(bin).sort()).toEqual(readdirSync(join(builtPlugin("podwire"), "..")).sort());
      for (const name of readdirSync(bin))
        expect(digestOfFile(join(bin, name))).toBe(digestOfFile(builtPlugin("podwire")));
    },
    5 * minutes,
  );

  const offences: [string, string, RegExp][] = [
    ["makes a system call", "native.getpid()", /getpid is called while a module is evaluated/],
    ["reads the time", "Date.now()", /reads the time, or the time zone/],
    ["asks for the date", "String(new Date())", /reads the time, or the time zone/],
    ["reads the time zone", "new Date(0).getTimezoneOffset()", /reads the time, or the time zone/],
    ["takes a random number", "Math.random()", /Math\.random is called while a module is evaluated/],
    ["fails", 'JSON.parse("{")', /SyntaxError/],
  ];

  test.each(offences)(
    "ends when a module %s while it is evaluated, and says which",
    async (_, expression, reason) => {
      const clone = "/run/offender";
      await cloneProject(node, clone);
      const module = node.path(`${clone}/shared/ip/cidr.ts`);
      const line = readFileSync(module, "utf8").split("\n").length + 1;
      appendFileSync(module, `\nexport const offence = ${expression};\n`);
      const { exitCode, stderr } = await build(node, { folder: clone, env: stranger, user });
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(reason);
      expect(stderr).toContain(`shared/ip/cidr.ts:${line}`);
      expect(readdirSync(node.path(`${clone}/dist`))).toEqual([]);
      await node.exec("umount", [`${clone}/node_modules`]);
      await node.exec("rm", ["-rf", clone]);
    },
    5 * minutes,
  );
});
