import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canRun, createNode, distBin, type Node, projectRoot } from "../helpers/index.ts";
import { files, network, runOn } from "./podwire.ts";

/** Debian's source of libcni, without a network: Go takes it from here. */
const sources = "/usr/share/gocode";
const portmap = { type: "portmap", backend: "nftables", capabilities: { portMappings: true } };
const ports = '{"portMappings": [{"hostPort": 8080, "containerPort": 80}]}';

describe.runIf(canRun("ip", "nft", "go", `${sources}/src/github.com/containernetworking/cni/libcni`))(
  "beside libcni",
  () => {
    let scratch: string;
    beforeAll(async () => {
      scratch = mkdtempSync(join(tmpdir(), "podwire-libcni-"));
      const source = join(projectRoot, "test/cli/libcni/main.go");
      const env = { GO111MODULE: "off", GOPATH: sources, GOCACHE: join(scratch, "cache") };
      await execa("go", ["build", "-o", join(scratch, "witness"), source], { env });
    }, 300_000);
    afterAll(() => rmSync(scratch, { recursive: true, force: true }));

    const libcni = (node: Node, folder: string, verb: string, netns: string) =>
      node.exec(join(scratch, "witness"), [verb, "net", netns, "c1"], {
        env: { NETCONFPATH: folder, CNI_PATH: distBin, CAP_ARGS: ports, PATH: process.env["PATH"] ?? "" },
        reject: false,
      });
    const podwire = (node: Node, folder: string, verb: string, netns: string) =>
      runOn(node, [verb, "net", netns, "--container-id", "c1"], { NETCONFPATH: folder, CAP_ARGS: ports });
    const cache = (node: Node) =>
      JSON.parse(readFileSync(node.path("/var/lib/cni/results/net-c1-eth0"), "utf8"));

    test.each(["0.4.0", "1.0.0"])(
      "podwire writes what libcni would write, in version %s",
      async (cniVersion) => {
        using folder = files({ "10-net.conflist": network({ cniVersion }, [portmap]) });
        await using node = await createNode();
        const netns = await node.addNetns("c1");
        expect(await libcni(node, folder.path, "ADD", netns)).toMatchObject({ exitCode: 0 });
        const theirs = cache(node);
        expect(await libcni(node, folder.path, "DEL", netns)).toMatchObject({ exitCode: 0 });
        expect(await podwire(node, folder.path, "add", netns)).toMatchObject({ exitCode: 0 });
        const { netns: cachedNetns, ...ours } = cache(node);
        // This version of libcni does not keep the namespace, newer ones do.
        expect(cachedNetns).toBe(netns);
        // An address that was released rests, and so the next one is another.
        const comparable = ({ result, ...rest }: { result: object }) => ({
          ...rest,
          result: JSON.parse(
            JSON.stringify(result).replaceAll(/10\.1\.0\.\d+|([0-9a-f]{2}:){5}[0-9a-f]{2}/g, "?"),
          ),
        });
        expect(comparable({ ...ours, result: { dns: {}, ...ours.result } })).toEqual(comparable(theirs));
      },
    );

    test("what podwire attached, libcni checks and detaches", async () => {
      using folder = files({ "10-net.conflist": network({ cniVersion: "1.0.0" }, [portmap]) });
      await using node = await createNode();
      const netns = await node.addNetns("c1");
      await podwire(node, folder.path, "add", netns);
      expect(await libcni(node, folder.path, "CHECK", netns)).toMatchObject({ exitCode: 0, stderr: "" });
      expect(await libcni(node, folder.path, "DEL", netns)).toMatchObject({ exitCode: 0, stderr: "" });
      expect((await node.exec("ls", ["/var/lib/cni/results"])).stdout).toBe("");
      expect((await runOn(node, ["list", "--json"])).stdout).toBe("[]");
    });

    test("what libcni attached, podwire lists, checks and detaches", async () => {
      using folder = files({ "10-net.conflist": network({ cniVersion: "1.0.0" }, [portmap]) });
      await using node = await createNode();
      const netns = await node.addNetns("c1");
      await libcni(node, folder.path, "ADD", netns);
      const [listed] = JSON.parse((await runOn(node, ["list", "--json"])).stdout);
      expect(listed).toMatchObject({ network: "net", containerId: "c1", addresses: ["10.1.0.2"] });
      expect(await podwire(node, folder.path, "check", netns)).toMatchObject({ exitCode: 0, stderr: "" });
      expect(await podwire(node, folder.path, "del", netns)).toMatchObject({ exitCode: 0, stderr: "" });
      expect((await node.exec("ls", ["/var/lib/cni/results"])).stdout).toBe("");
    });
  },
);
