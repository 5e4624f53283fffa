import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { folder, installer, Target } from "./target.ts";

const stay = ["install", "--bin-dir", folder, "--stay"];

describe.runIf(canRun("ip", "unshare"))("podwire install --stay", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "stays up when all is installed, and ends on %s",
    async (signal) => {
      await using target = await Target.create();
      await using running = target.node.start(installer, stay);
      await running.firstLine();
      await target.expectInstalled();
      expect(readFileSync(`/proc/${running.pid}/comm`, "utf8")).not.toBe("");
      expect(await running.stop(signal)).toMatchObject({ exitCode: 0, signal: undefined, stderr: "" });
    },
  );

  test("ends on SIGTERM as a container's first process too", async () => {
    await using target = await Target.create();
    await using running = target.node.start("unshare", [
      "--pid",
      "--fork",
      "--kill-child",
      installer,
      ...stay,
    ]);
    await running.firstLine();
    const children = `/proc/${running.pid}/task/${running.pid}/children`;
    const child = Number(readFileSync(children, "utf8").trim());
    expect(readFileSync(`/proc/${child}/status`, "utf8")).toMatch(/^NSpid:.*\t1$/m);
    process.kill(child, "SIGTERM");
    expect(await running.ended).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test("does not stay after a failure", async () => {
    await using target = await Target.create();
    expect(await target.install("--bin-dir", "/run/none", "--stay")).toMatchObject({ exitCode: 1 });
  });
});
