import { describe, expect, test } from "vitest";
import { canRun, referencePlugin } from "../../helpers/index.ts";
import { all, folder, installer, old, Target } from "./target.ts";

describe.runIf(canRun("ip", "cmp", referencePlugin("bridge")))("podwire install", () => {
  test("puts every plugin into an empty folder, as one file of several names, and they work", async () => {
    await using target = await Target.create();
    const { exitCode, stdout, stderr } = await target.install();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout.split("\n").sort()).toEqual(all.map((name) => `${folder}/${name}: installed`));
    await target.expectInstalled();
    await target.expectService();
  });

  test("leaves alone what is there already", async () => {
    await using target = await Target.create();
    await target.install();
    const before = await target.status("%n %i %a %h %s %y %z");
    const { exitCode, stdout } = await target.install();
    expect(exitCode).toBe(0);
    expect(stdout.split("\n").sort()).toEqual(all.map((name) => `${folder}/${name}: unchanged`));
    expect(await target.status("%n %i %a %h %s %y %z")).toBe(before);
  });

  test("leaves alone a folder that is called like its leftovers", async () => {
    await using target = await Target.create();
    const leftover = `${folder}/.podwire-install.kept`;
    await target.node.exec("mkdir", [leftover]);
    expect(await target.install()).toMatchObject({ exitCode: 0, stderr: "" });
    await target.node.exec("rmdir", [leftover]);
    await target.expectInstalled();
  });

  test("takes the place of others' executables, and leaves the rest of the folder alone", async () => {
    await using target = await Target.create();
    await target.layOld();
    await target.node.exec("cp", [referencePlugin("dhcp"), `${folder}/whereabouts`]);
    const { stdout } = await target.install();
    for (const name of old) expect(stdout).toContain(`${folder}/${name}: replaced`);
    expect(stdout).toContain(`${folder}/vxlan: installed`);
    expect(await target.isSame("whereabouts", referencePlugin("dhcp"))).toBe(true);
    await target.node.exec("rm", [`${folder}/whereabouts`]);
    await target.expectInstalled();
    await target.expectService();
  });

  test("installs only the plugins that are asked for", async () => {
    await using target = await Target.create();
    expect((await target.install("--plugins", "bridge,host-local")).exitCode).toBe(0);
    await target.expectInstalled(["bridge", "host-local"]);
    const refused = await target.install("--plugins", "bridge,no-such-one");
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("no-such-one");
    await target.expectInstalled(["bridge", "host-local"]);
  });

  test("adds names to the file that is there, and mends one that may not be run", async () => {
    await using target = await Target.create();
    await target.install("--plugins", "bridge");
    const [inode = ""] = (await target.status("%i")).split("\n");
    expect((await target.install()).exitCode).toBe(0);
    await target.expectInstalled();
    expect(await target.status("%i")).toContain(inode);
    await target.node.exec("chmod", ["0600", `${folder}/bridge`]);
    expect((await target.install()).stdout).toContain(`${folder}/bridge: replaced`);
    await target.expectInstalled();
  });

  test.each(["0777", "0775", "4755"])(
    "replaces a file that others might write or gain by (%s), since root runs it",
    async (mode) => {
      await using target = await Target.create();
      await target.install("--plugins", "bridge");
      await target.node.exec("chmod", [mode, `${folder}/bridge`]);
      const { stdout } = await target.install("--plugins", "bridge");
      expect(stdout).toBe(`${folder}/bridge: replaced`);
      await target.expectInstalled(["bridge"]);
    },
  );

  test("replaces an executable while it runs, which goes on", async () => {
    await using target = await Target.create();
    const { node } = target;
    await node.exec("cp", ["/bin/sleep", `${folder}/bridge`]);
    await using running = node.start(`${folder}/bridge`, ["1000"]);
    const isRunning = async () =>
      (await node.exec("readlink", [`/proc/${running.pid}/exe`], { reject: false })).stdout.includes(
        "bridge",
      );
    await expect.poll(isRunning).toBe(true);
    // Who writes into the file itself is refused.
    const copied = await node.exec("cp", [installer, `${folder}/bridge`], { reject: false });
    expect(copied.stderr).toContain("Text file busy");
    expect(await target.install()).toMatchObject({ exitCode: 0 });
    await target.expectInstalled();
    expect(await isRunning()).toBe(true);
  });

  test("takes the place of a link, and leaves alone what it led to", async () => {
    await using target = await Target.create();
    const { node } = target;
    await node.exec("cp", [referencePlugin("bridge"), "/run/elsewhere"]);
    await node.exec("ln", ["-s", "/run/elsewhere", `${folder}/bridge`]);
    await node.exec("ln", ["-s", "/run/nowhere", `${folder}/ptp`]);
    expect((await target.install()).exitCode).toBe(0);
    await target.expectInstalled();
    await node.exec("cmp", ["/run/elsewhere", referencePlugin("bridge")]);
  });

  test("says what it did as JSON", async () => {
    await using target = await Target.create();
    await target.install("--plugins", "bridge");
    const { stdout } = await target.install("--plugins", "bridge,ptp", "--json");
    expect(JSON.parse(stdout)).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      binDir: folder,
      executables: [
        { name: "bridge", action: "unchanged" },
        { name: "ptp", action: "installed" },
      ],
      warnings: [],
    });
  });

  test("says what failed as JSON too, and whether the command line made sense", async () => {
    await using target = await Target.create();
    const failed = await target.install("--json", "--bin-dir", "/run/none");
    expect(failed).toMatchObject({ exitCode: 1, stderr: "" });
    expect(JSON.parse(failed.stdout)).toEqual({
      code: 999,
      msg: expect.stringContaining("/run/none (--bin-dir) does not exist"),
    });
    for (const args of [
      ["--plugins", "none"],
      ["--nonsense"],
      ["--conf"],
      ["leftover"],
      ["--conf-dir", "/run"],
    ]) {
      const { exitCode, stdout, stderr } = await target.install("--json", ...args);
      expect(exitCode, args.join(" ")).toBe(2);
      expect(stderr).toContain("usage: podwire install");
      const { code, msg, usage } = JSON.parse(stdout);
      expect({ code, usage }).toEqual({ code: 4, usage: "usage: podwire install [options]" });
      expect(msg).toContain(args[0]?.replace(/^--plugins$/, '"none"'));
    }
    expect(await target.names()).toEqual([]);
  });
});
