import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../helpers/index.ts";
import { cloneProject } from "./clone.ts";

const folder = "/run/clone";
const user = "12345";

describe.runIf(canRun("musl-gcc", "setpriv"))("the set-up for a build", () => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
    await cloneProject(node, folder);
  });
  afterAll(() => node.dispose());

  /** Sets up for a purpose, by a user who may not install anything. */
  const setUp = (purpose: string, path = process.env["PATH"] ?? "") => {
    const words = [`--reuid=${user}`, `--regid=${user}`, "--clear-groups", process.execPath];
    const env = { PATH: path, HOME: "/run/nowhere" };
    return node.exec("setpriv", [...words, "scripts/setup.mjs", purpose], {
      cwd: folder,
      env,
      reject: false,
    });
  };

  /** A PATH on which there are these programs only, and setpriv. */
  async function pathWith(name: string, programs: readonly string[]): Promise<string> {
    const path = join("/run", name);
    mkdirSync(node.path(path));
    for (const program of [...programs, "setpriv"]) {
      const { stdout } = await execa("which", [program]);
      symlinkSync(stdout, node.path(join(path, program)));
    }
    return path;
  }

  test("has nothing to do where all is there", async () => {
    expect(await setUp("build")).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  });

  test("names what root has to install", async () => {
    const { exitCode, stderr } = await setUp("build", await pathWith("few", ["apt-get", "tar", "ar"]));
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      "setup: missing gcc, musl-gcc, xz: as root, run\n  apt-get install gcc musl-tools xz-utils",
    );
  });

  test("names what is needed where there is no apt", async () => {
    const { exitCode, stderr } = await setUp("build", await pathWith("other", ["gcc", "tar", "ar", "xz"]));
    expect(exitCode).toBe(1);
    expect(stderr).toBe("setup: missing musl-gcc: Debian's packages with these are musl-tools");
  });

  test.each(["demo", "demo:vxlan", "test", "bench", "release"])(
    "is a part of that for %s",
    async (purpose) => {
      const { exitCode, stderr } = await setUp(purpose, await pathWith(purpose, ["apt-get", "tar"]));
      expect(exitCode).toBe(1);
      for (const name of ["musl-tools", "gcc", "binutils", "xz-utils"]) expect(stderr).toContain(` ${name}`);
    },
  );
});
