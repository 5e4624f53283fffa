import { statSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun, distBin, referencePlugin } from "../../helpers/index.ts";
import { folder, installer, Target } from "./target.ts";

/** The installation fails with these words, and all is as it was. */
async function expectRefusal(target: Target, words: RegExp, ...args: string[]): Promise<void> {
  const before = await target.status();
  const { exitCode, stdout, stderr } = await target.install(...args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  expect(stderr).toMatch(words);
  expect(await target.status()).toBe(before);
}

const mountTmpfs = async (target: Target, size: string): Promise<void> => {
  await target.node.exec("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder]);
};
const remount = async (target: Target, how: string): Promise<void> => {
  await target.node.exec("mount", ["-o", `remount,${how}`, folder]);
};

describe.runIf(canRun("ip", "mount", "cmp", "setpriv", referencePlugin("bridge")))(
  "podwire install, of a target",
  () => {
    test("that is missing, says so and makes nothing", async () => {
      await using target = await Target.create();
      const { exitCode, stderr } = await target.install("--bin-dir", "/run/none/bin");
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/\/run\/none\/bin.*does not exist.*mount/);
      expect((await target.node.exec("ls", ["/run/none"], { reject: false })).exitCode).not.toBe(0);
    });

    test.each([
      ["is a symbolic link", "/run/link"],
      ["is behind one", "/run/above/bin"],
    ])("that %s, names where it leads to", async (_what, link) => {
      await using target = await Target.create();
      await target.node.exec("ln", ["-s", folder, "/run/link"]);
      await target.node.exec("ln", ["-s", "/run", "/run/above"]);
      const { exitCode, stderr } = await target.install("--bin-dir", link);
      expect(exitCode).toBe(1);
      expect(stderr).toContain(folder);
      expect(stderr).toMatch(/symbolic link/);
      expect(await target.names()).toEqual([]);
    });

    test("that is a file, says so", async () => {
      await using target = await Target.create();
      await target.node.exec("touch", ["/run/file"]);
      const { exitCode, stderr } = await target.install("--bin-dir", "/run/file");
      expect(exitCode).toBe(1);
      expect(stderr).toContain("/run/file (--bin-dir) is not a folder");
    });

    test("that is read-only, says so; but not if all is there", async () => {
      await using target = await Target.create();
      await mountTmpfs(target, "100m");
      await target.install("--plugins", "bridge,ptp");
      await remount(target, "ro");
      await expectRefusal(target, /host-local.*read-only/);
      expect(await target.install("--plugins", "bridge,ptp")).toMatchObject({ exitCode: 0, stderr: "" });
    });

    test("that is read-only and holds copies of the executables is as good", async () => {
      await using target = await Target.create();
      await mountTmpfs(target, "100m");
      for (const name of ["bridge", "ptp"]) await target.node.exec("cp", [installer, `${folder}/${name}`]);
      await remount(target, "ro");
      const { exitCode, stdout } = await target.install("--plugins", "bridge,ptp");
      expect(exitCode).toBe(0);
      expect(stdout).toBe(`${folder}/bridge: unchanged\n${folder}/ptp: unchanged`);
    });

    test("that is full, says so, and leaves no half", async () => {
      await using target = await Target.create();
      const theirs = ["bridge", "host-local"].map(referencePlugin);
      const room = theirs.map((file) => statSync(file).size).reduce((all, size) => all + size);
      await mountTmpfs(target, `${room + statSync(installer).size / 2}`);
      await target.node.exec("cp", ["-a", ...theirs, folder]);
      await expectRefusal(target, /no space/);
      await target.expectService();
    });

    test("that has no inode for one more name, takes back what it did", async () => {
      await using target = await Target.create();
      await mountTmpfs(target, "100m,nr_inodes=10");
      await target.node.exec("cp", ["-a", referencePlugin("bridge"), referencePlugin("host-local"), folder]);
      await expectRefusal(target, /no space/);
    });

    test("one file of which is mounted from elsewhere, changes no other", async () => {
      await using target = await Target.create();
      await target.layOld();
      await target.node.exec("mount", ["--bind", referencePlugin("ptp"), `${folder}/ptp`]);
      await expectRefusal(target, /mounted/);
      await target.expectService();
    });

    test("that is another user's, says which capability would do", async () => {
      await using target = await Target.create();
      await target.node.exec("chown", ["1001", folder]);
      const install = ["--", installer, "install", "--bin-dir", folder];
      const without = ["--bounding-set", "-all", "--inh-caps", "-all"];
      const refused = await target.node.exec("setpriv", [...without, ...install], { reject: false });
      expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
      expect(refused.stderr).toMatch(/permission denied.*CAP_DAC_OVERRIDE/);
      expect(await target.names()).toEqual([]);
      const having = ["--bounding-set", "-all,+dac_override", "--inh-caps", "-all"];
      await target.node.exec("setpriv", [...having, ...install]);
      await target.expectInstalled();
    });

    test("one name of which is a folder, changes nothing", async () => {
      await using target = await Target.create();
      await target.node.exec("mkdir", [`${folder}/vxlan`]);
      await expectRefusal(target, /vxlan is neither a file nor a link/);
    });

    test("without hard links, gets copies", async () => {
      await using target = await Target.create();
      await target.layOld();
      const inject = [
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=link,linkat",
        "-e",
        "inject=link,linkat:error=EPERM",
      ];
      const args = [...inject, installer, "install", "--bin-dir", folder, "--plugins", "bridge,host-local"];
      await target.node.exec("strace", args);
      for (const name of ["bridge", "host-local"]) expect(await target.isSame(name, installer)).toBe(true);
      expect((await target.names()).filter((name) => name.startsWith("."))).toEqual([]);
      await target.expectService();
    });

    test("that is the very folder the executable is in, has nothing to do", async () => {
      await using target = await Target.create();
      const { exitCode, stdout } = await target.install("--bin-dir", distBin);
      expect(exitCode).toBe(0);
      expect(stdout).not.toMatch(/installed|replaced/);
    });
  },
);
