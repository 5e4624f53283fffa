import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findPluginFolders } from "../../scripts/plugins.ts";
import { canRun, createNode, projectRoot, Runtime, readNetwork } from "../helpers/index.ts";
import { baseImage, makeBase } from "./base.ts";
import { Buildah } from "./buildah.ts";

const minutes = 60_000;
const image = "localhost/podwire:test";
const testImage = "localhost/podwire-test:test";

const names = [...findPluginFolders().map(({ name }) => name), "podwire"].sort();

describe.runIf(canRun("buildah", "mmdebstrap", "ip", "iptables", "ipset"))("the Dockerfile", () => {
  let buildah: Buildah;

  beforeAll(async () => {
    buildah = await Buildah.create();
    await makeBase(buildah);
    await buildah.build(projectRoot, image);
  }, 30 * minutes);

  afterAll(() => buildah[Symbol.asyncDispose](), 5 * minutes);

  /** A folder that plays one of the host's. */
  const hostFolder = (name: string): string => {
    const path = join(buildah.folder, `host-${name}`);
    mkdirSync(path);
    return path;
  };

  /** Runs a fresh container the way the image says, with arguments of the user's. */
  async function runImage(volumes: Record<string, string>, ...args: string[]) {
    const { Entrypoint = [], Cmd = [] } = await buildah.command(image);
    const container = await buildah.from(image);
    const command = [...Entrypoint, ...(args.length === 0 ? Cmd : args)];
    return buildah.run(container, command, volumes);
  }

  test("asks for the base that was made", () => {
    const [, name = ""] =
      /^FROM (\S+) AS build$/m.exec(readFileSync(join(projectRoot, "Dockerfile"), "utf8")) ?? [];
    expect(`docker.io/library/${name}`).toBe(baseImage);
  });

  test("makes an image that holds the executable, its licences, conf-examples and nothing else", async () => {
    const container = await buildah.from(image);
    const root = await buildah.exec("mount", container);
    const list = (await buildah.inside("find", root, "-type", "f", "-printf", "%s %m %P\n")).split("\n");
    const files = list.map((line) => line.split(" "));
    const executables = files.filter(([, mode = ""]) => (Number.parseInt(mode, 8) & 0o111) !== 0);
    expect(executables.map(([, , path]) => path)).toEqual(["usr/bin/podwire"]);
    const share = "usr/share/podwire";
    const others = files
      .map(([, , path = ""]) => path)
      .filter((path) => !path.startsWith(`${share}/conf-examples/`));
    expect(others.sort()).toEqual(["usr/bin/podwire", `${share}/LICENSE`, `${share}/THIRD-PARTY-LICENSES`]);
    expect(files.reduce((total, [size]) => total + Number(size), 0)).toBeLessThan(8_000_000);
    const licences = await buildah.inside("cat", join(root, share, "THIRD-PARTY-LICENSES"));
    for (const name of ["quickjs", "musl", "libgcc", "jsonc-parser"])
      expect(licences).toMatch(new RegExp(`^${name} \\d`, "m"));
    // The folder that the host's is mounted on must not be there without it.
    expect(await buildah.inside("ls", root)).not.toMatch(/^opt$/m);
  });

  test("makes an image that installs the plugins on the host, without any capability, and they work there", async () => {
    const bin = hostFolder("bin");
    const first = await runImage({ [bin]: "/opt/cni/bin" });
    expect(first, first.stderr).toMatchObject({ exitCode: 0, stderr: "" });
    expect(readdirSync(bin).sort()).toEqual(names);
    expect(new Set(names.map((name) => statSync(join(bin, name)).ino)).size).toBe(1);
    const again = await runImage({ [bin]: "/opt/cni/bin" });
    expect(again.stdout.split("\n").sort()).toEqual(names.map((name) => `/opt/cni/bin/${name}: unchanged`));
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const network = readNetwork(join(projectRoot, "conf-examples/single-node.conflist"));
    const runtime = new Runtime(node, network, bin);
    const attachment = { containerId: "c1", netns, ifname: "eth0" };
    const result = await runtime.add(attachment);
    expect(result.ips?.[0]?.address).toBe("10.22.0.2/16");
    await runtime.del(attachment, result);
  });

  test("makes an image that writes one of its configurations when asked", async () => {
    const [bin, conf] = [hostFolder("conf-bin"), hostFolder("net.d")];
    const example = "/usr/share/podwire/conf-examples/single-node.conflist";
    const args = ["--conf", example, "--conf-name", "10-single-node.conflist"];
    const run = await runImage({ [bin]: "/opt/cni/bin", [conf]: "/etc/cni/net.d" }, ...args);
    expect(run, run.stderr).toMatchObject({ exitCode: 0, stderr: "" });
    expect(readFileSync(join(conf, "10-single-node.conflist"), "utf8")).toBe(
      readFileSync(join(projectRoot, "conf-examples/single-node.conflist"), "utf8"),
    );
  });

  test("makes an image that says so when no folder of the host is mounted", async () => {
    const { exitCode, stderr } = await runImage({});
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/\/opt\/cni\/bin .*does not exist.*mount the host's folder/);
  });

  test(
    "has a stage that runs tests as root in the container, with namespaces inside",
    async () => {
      await buildah.build(projectRoot, testImage, "--target", "test", "--build-arg", "PURPOSE=demo");
      const { Cmd, WorkingDir = "" } = await buildah.command(testImage);
      expect(Cmd).toEqual(["npm", "test"]);
      // All of them take half an hour, and ten times as many packages: `npm run test:image` runs them.
      const some = [
        "test/conf-examples/single-node",
        "test/conf-examples/ptp.test",
        "test/cli/gc-and-status",
      ];
      const container = await buildah.from(testImage);
      // A missing program must be an error, and not a test that is skipped.
      const command = ["env", "CI=true", "node_modules/.bin/vitest", "run", "--project", "kernel", ...some];
      const run = await buildah.runPrivileged(container, WorkingDir, ...command);
      expect(run.exitCode, `${run.stdout}\n${run.stderr}`).toBe(0);
      expect(run.stdout).toMatch(/Tests .*\d+ passed/);
      expect(run.stdout).not.toMatch(/Tests .*skipped/);
    },
    20 * minutes,
  );
});
