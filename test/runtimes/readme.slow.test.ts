/** What README and docs/ have users type is typed here, word by word. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { canRun, projectRoot } from "../helpers/index.ts";
import { programs, startContainerd } from "./containerd/containerd.ts";
import { buildImage } from "./image.ts";
import { createMachine, type Machine, patience } from "./machine.ts";
import { preparePodman } from "./podman.ts";

/** The blocks of a page below a heading, or of the whole page: what is indented is to be typed, or to be put into a file. */
function blocks(page: string, heading?: string): string[] {
  const text = readFileSync(join(projectRoot, page), "utf8");
  const body = heading === undefined ? text : text.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0];
  return [...(body ?? "").matchAll(/(?:^ {4}.*\n(?:\n(?= {4}))?)+/gm)].map(([block]) =>
    block.replace(/^ {4}/gm, ""),
  );
}

const imageName = "docker.io/library/busybox:latest";

/** Runs commands as a user does who is in the project's folder. */
async function type(machine: Machine, commands: string): Promise<string> {
  const { stdout } = await machine.run("sh", ["-ec", commands], { cwd: projectRoot });
  return stdout;
}

describe("the documentation", patience, () => {
  test.runIf(canRun(...programs))("has containerd attach a container", async () => {
    const [network = "", configuration = "", commands = "", ...rest] = blocks("docs/containerd.md");
    expect(rest).toEqual([]);
    await using machine = await createMachine();
    await type(machine, network);
    await using _ = await startContainerd(machine, configuration);
    await machine.node.exec("ctr", ["images", "import", await buildImage(machine.node, imageName)]);
    const [pull, run] = commands.split("\n");
    // The image has been imported instead; there may be no control group controllers for a share of the CPU.
    expect(pull).toBe(`ctr images pull ${imageName}`);
    const output = await type(machine, (run ?? "").replace("--rm", "--rm --cpu-shares 0"));
    expect(output).toMatch(/inet 10\.31\.0\.\d+\/16 .*eth0/);
    expect((await machine.state())["namespaces"]).toEqual([]);
  });

  test.runIf(canRun("podman", "crun", "busybox", "wget"))("has podman publish a port", async () => {
    const [configuration = "", commands = "", create = "", ...rest] = blocks("docs/podman.md");
    expect(rest).toEqual([]);
    await using machine = await createMachine();
    await preparePodman(machine, configuration, imageName);
    const [copy = "", run = "", fetch = "", remove = "", ...more] = commands.trimEnd().split("\n");
    expect(more).toEqual([]);
    await type(machine, copy);
    const id = await type(machine, run);
    // A container's host name is the beginning of its ID. The server may need a moment to listen.
    const answer = () => type(machine, fetch).catch(String);
    await expect.poll(answer).toBe(id.slice(0, 12));
    expect(await type(machine, remove)).toBe("web");
    expect((await machine.state())["namespaces"]).toEqual([]);
    await machine.node.exec("ip", ["link", "add", "eth1", "type", "veth", "peer", "name", "switch"]);
    await type(machine, create);
    const networks = await type(machine, "podman network ls --format '{{.Name}}'");
    expect(networks.split("\n")).toEqual(expect.arrayContaining(["web", "apart", "lan"]));
    // As podwire reads what podman has written.
    await type(machine, "/opt/cni/bin/podwire validate /etc/cni/net.d");
  });

  test("has an attachment made, looked at and undone", async () => {
    const [install = "", attach = "", ...rest] = blocks("README.md", "Install");
    expect(rest).toEqual([]);
    await using machine = await createMachine();
    const [packages, build, ...commands] = install.trimEnd().split("\n");
    // The machine has the packages, and the executables are built.
    expect(packages).toMatch(/^apt-get install /);
    expect(build).toBe("npm run build");
    await type(machine, `rm -r /opt/cni\n${commands.join("\n")}`);
    const output = await type(machine, attach);
    expect(output).toMatch(/inet 10\.22\.0\.\d+\/16 .*eth0/);
    expect(output).toMatch(/^single-node +cnitool-[0-9a-f]{20} +eth0 +10\.22\.0\.\d+ +veth/m);
    expect((await machine.state())["namespaces"]).toEqual([]);
    expect(await type(machine, "/opt/cni/bin/podwire list --json")).toBe("[]");
  });
});
