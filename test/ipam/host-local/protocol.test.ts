import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { supportedVersions } from "../../../shared/cni/version.ts";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { DATA_DIR, filesOf, HostLocal, networkOf, reference, reservations, v4, v6 } from "./subject.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

const routes = [
  { dst: "0.0.0.0/0" },
  { dst: "10.9.0.0/16", gw: "10.1.0.9" },
  { dst: "fd09::/48", gw: "fd00:1::9" },
];
const network = networkOf({ ranges: [[v4], [v6]], routes });

/** The reference writes `"dns": {}` where there is nothing to say; 1.x results leave it out. */
function withoutEmptyDns({ dns, ...rest }: { dns?: object }): object {
  return dns === undefined || Object.keys(dns).length === 0 ? rest : { dns, ...rest };
}

describe.runIf(canRun())("version", () => {
  const old = supportedVersions.filter((version) => version !== "1.1.0");

  test.runIf(canRun(reference)).each(old)("%s gives the reference's result", async (cniVersion) => {
    const config = { ...network, cniVersion };
    const run = async (executable: string | undefined, name: string) => {
      const subject = new HostLocal(node, {}, executable).with({ ...config, name });
      const { exitCode, json } = await subject.run("ADD", "c1");
      expect(exitCode).toBe(0);
      return withoutEmptyDns(json);
    };
    expect(await run(undefined, "ours")).toEqual(await run(reference, "theirs"));
  });

  test("1.1.0 gives routes with all their attributes", async () => {
    const route = {
      dst: "10.9.0.0/16",
      gw: "10.1.0.9",
      mtu: 1400,
      advmss: 1300,
      priority: 7,
      table: 5,
      scope: 253,
    };
    const subject = new HostLocal(node, networkOf({ ranges: [[v4]], routes: [route] }));
    const { json } = await subject.run("ADD", "c1");
    expect(json).toEqual({
      cniVersion: "1.1.0",
      ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1" }],
      routes: [route],
    });
  });

  test.each(supportedVersions)("%s says its version in errors", async (cniVersion) => {
    const subject = new HostLocal(node, { ...networkOf({}), cniVersion });
    expect(await subject.fail("ADD", "c1")).toMatchObject({
      cniVersion,
      code: 7,
      msg: "no IP ranges specified",
    });
  });

  test.each(supportedVersions)("%s adds and deletes what another version sees", async (cniVersion) => {
    const subject = new HostLocal(node, { ...network, cniVersion });
    expect(await subject.run("ADD", "c1")).toMatchObject({ exitCode: 0 });
    await new HostLocal(node, network).succeed("CHECK", "c1");
    await subject.succeed("DEL", "c1");
    expect(reservations(node)).toEqual({});
  });

  test.each([
    ["0.3.1", "CHECK"],
    ["1.0.0", "GC"],
    ["1.0.0", "STATUS"],
  ] as const)("%s has no %s", async (cniVersion, command) => {
    expect(await new HostLocal(node, { ...network, cniVersion }).fail(command, "c1")).toMatchObject({
      code: 1,
    });
  });
});

describe.runIf(canRun())("refused before anything is made", () => {
  test.each<[string, object, object, number]>([
    ["an unknown version", { cniVersion: "9.0.0" }, {}, 1],
    ["a network whose name is a path", { name: "../net" }, {}, 7],
    ["a network without a name", { name: "" }, {}, 7],
    ["a container whose ID is a path", {}, { containerId: "../c1" }, 4],
    ["an interface whose name is a path", {}, { ifname: "../eth0" }, 4],
    ["no container", {}, { containerId: "" }, 4],
    ["a broken CNI_ARGS", {}, { args: "IP" }, 4],
    ["an unknown CNI_ARGS", {}, { args: "COLOUR=red" }, 4],
    ["a wrong type", { ipam: { type: "host-local", ranges: 1 } }, {}, 6],
    ["no ipam", { ipam: null }, {}, 7],
  ])("%s", async (_, config, variation, code) => {
    expect(await new HostLocal(node, network).with(config).fail("ADD", "c1", variation)).toMatchObject({
      code,
    });
    expect(filesOf(node, DATA_DIR)).toEqual({});
  });

  test.each(["", "{", "[]", '"text"', "null"])("standard input that is %j", async (config) => {
    expect(await new HostLocal(node).fail("ADD", "c1", { config })).toMatchObject({ code: 6 });
  });
});
