import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { hostLocal, network } from "../../scripts/bench/networks.ts";
import { createSite, measuredContainer } from "../../scripts/bench/site.ts";
import { canRun, createNode, distBin, projectRoot, referencePlugin, runModule } from "../helpers/index.ts";

interface Measured {
  readonly cost: {
    readonly wall: number;
    readonly cpu: number;
    readonly faults: number;
    readonly memory: number;
  };
  readonly status: number;
}

describe.runIf(canRun("ip", "dd"))("a process that is measured", () => {
  /** Runs a shell script on a node. */
  async function measure(script: string): Promise<Measured> {
    await using node = await createNode();
    writeFileSync(node.path("/run/program"), `#!/bin/sh\n${script}\n`);
    chmodSync(node.path("/run/program"), 0o755);
    return await runModule<Measured>(
      node,
      `import { measure } from "./scripts/bench/process.ts";
      const program = { path: "/run/program", environment: { PATH: "/usr/bin:/bin" }, files: ["/dev/null", "/run/out", "/run/err"] };
      console.log(JSON.stringify(measure(program)));`,
    );
  }

  test("reports its own memory, not that of the measuring process", async () => {
    const small = await measure("exit 0");
    const large = await measure("exec dd if=/dev/zero of=/dev/null bs=40M count=1");
    expect(small).toMatchObject({ status: 0 });
    expect(small.cost.memory).toBeLessThan(10e6);
    expect(large.cost.memory).toBeGreaterThan(40e6);
    expect(large.cost.memory).toBeLessThan(60e6);
  });

  test("reports the faults and the CPU time of all its ended children", async () => {
    const one = await measure("exit 0");
    const many = await measure("for each in 1 2 3 4 5 6 7 8; do /bin/ls /; done");
    expect(one.cost.faults).toBeGreaterThan(0);
    expect(many.cost.faults).toBeGreaterThan(4 * one.cost.faults);
    expect(many.cost.cpu).toBeGreaterThan(one.cost.cpu);
    expect(many.cost.wall).toBeGreaterThan(0);
  });

  test("reports how it ended", async () => {
    expect((await measure("exit 3")).status).toBe(3 << 8);
    expect((await measure("kill -9 $$")).status).toBe(9);
  });
});

describe.runIf(canRun("ip"))("a site", () => {
  test("attaches many containers, several at once, and each once", async () => {
    await using site = await createSite(distBin, network(hostLocal));
    await site.hold(50);
    const { stdout } = await site.node.exec("sh", [
      "-c",
      "ls /var/lib/cni/networks/bench | grep -c '^10[.]'",
    ]);
    expect(stdout).toBe("50");
  });

  test("measures ADD and DEL, and says why one failed", async () => {
    await using site = await createSite(distBin, network(hostLocal));
    const container = measuredContainer(0);
    await site.prepare([container]);
    await expect(site.measure("CHECK", container)).rejects.toThrow(
      /host-local CHECK: wait status 256: .*"code"/s,
    );
    expect(await site.measure("ADD", container)).toHaveLength(1);
    expect(await site.measure("CHECK", container)).toHaveLength(1);
    expect(await site.measure("DEL", container)).toHaveLength(1);
    const { stdout } = await site.node.exec("ls", ["/var/lib/cni/networks/bench"]);
    expect(stdout).not.toContain("10.64.");
  });
});

describe.runIf(canRun("ip", referencePlugin("host-local"), "musl-gcc"))("a small benchmark", () => {
  test("says of each call which goal is met", async () => {
    const words = "--only host-local --only start --pairs 1 --held 2 --settle 0".split(" ");
    const script = join(projectRoot, "scripts/bench.ts");
    const { stdout } = await execa("node", ["--import", "tsx", script, ...words], { cwd: projectRoot });
    for (const call of ["host-local ADD", "host-local DEL"])
      expect(stdout).toMatch(
        new RegExp(`^\\| ${call} +(\\| \\d+\\.\\d\\d +\\| <= 0\\.\\d+, (met|missed by \\d+ %) +){2}`, "m"),
      );
    expect(stdout).toMatch(/^\| VERSION, the slowest: \S+ +\| \d+\.\d\d +\| <= 0\.22, /m);
    expect(stdout).toMatch(/^\| \(empty program\) /m);
  });
});
