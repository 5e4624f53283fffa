import { beforeAll, describe, expect, test } from "vitest";
import { canRun, createNode, distBin, type Node } from "../../../helpers/index.ts";
import {
  configurationOf,
  expectError,
  expectResult,
  expectSilence,
  prepare,
  run,
  stateOf,
} from "../subjects.ts";

const kubernetes = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=c";

interface Linked {
  readonly address: string;
}

describe.runIf(canRun("ip"))("CNI_ARGS", () => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
    await node.addNetns("c");
    await prepare(node);
    return () => node.dispose();
  });

  const config = configurationOf("bridge", "1.0.0");
  const macInside = async () => {
    const [link] = await node.execJson<Linked[]>("ip", ["-j", "link", "show", "eth0"], { netns: "c" });
    return link?.address;
  };

  test("sets what it asks for", async () => {
    const args = "MAC=0a:00:00:00:00:07";
    const result = expectResult(await run(node, "bridge", { command: "ADD", args, config }));
    expect(result).toMatchObject({ interfaces: [{}, {}, { name: "eth0", mac: "0a:00:00:00:00:07" }] });
    expect(await macInside()).toBe("0a:00:00:00:00:07");
    expectSilence(await run(node, "bridge", { command: "DEL", args, config }));
  });

  test("yields to args in the configuration, and those to runtimeConfig", async () => {
    const args = "MAC=0a:00:00:00:00:01";
    const inArgs = { ...config, args: { cni: { mac: "0a:00:00:00:00:02" } } };
    const inBoth = { ...inArgs, runtimeConfig: { mac: "0a:00:00:00:00:03" } };
    for (const [each, mac] of [
      [inArgs, "0a:00:00:00:00:02"],
      [inBoth, "0a:00:00:00:00:03"],
    ] as const) {
      expectResult(await run(node, "bridge", { command: "ADD", args, config: each }));
      expect(await macInside()).toBe(mac);
      expectSilence(await run(node, "bridge", { command: "DEL", args, config: each }));
    }
  });

  test("names the unknown keys, unless they are to be ignored, and changes nothing", async () => {
    const before = await stateOf(node);
    const outcome = await run(node, "bridge", { command: "ADD", args: kubernetes, config });
    expectError(outcome, 4);
    expect(outcome.json.msg).toBe(
      'CNI_ARGS: unknown args ["K8S_POD_NAMESPACE","K8S_POD_NAME","K8S_POD_INFRA_CONTAINER_ID"]',
    );
    expect(await stateOf(node)).toEqual(before);
  });

  test.each(["IgnoreUnknown=1;", "IgnoreUnknown=true;"])(
    "is read as kubelet sets it, with %s",
    async (ignore) => {
      const args = `${ignore}${kubernetes}`;
      expectResult(await run(node, "bridge", { command: "ADD", args, config }));
      expectSilence(await run(node, "bridge", { command: "DEL", args, config }));
    },
  );

  test.each(["MAC", "MAC=0a:00:00:00:00:07;x", "=", ";=1"])(
    "is refused as %j, and changes nothing",
    async (args) => {
      const before = await stateOf(node);
      const outcome = await run(node, "bridge", { command: "ADD", args, config });
      expectError(outcome, 4);
      expect(outcome.json.msg).toContain("CNI_ARGS: invalid pair");
      expect(await stateOf(node)).toEqual(before);
    },
  );

  test.each(["x", "0a:00:00:00:00", "01:00:5e:00:00:01", "00:00:00:00:00:00"])(
    "with the MAC address %s is refused, and changes nothing",
    async (mac) => {
      const before = await stateOf(node);
      const outcome = await run(node, "bridge", { command: "ADD", args: `MAC=${mac}`, config });
      expectError(outcome, 7);
      expect(outcome.json.msg).toContain("MAC in CNI_ARGS");
      expect(await stateOf(node)).toEqual(before);
    },
  );

  test("does not keep DEL from its work, whatever is in it", async () => {
    expectResult(await run(node, "bridge", { command: "ADD", config }));
    expectSilence(await run(node, "bridge", { command: "DEL", args: "broken", config }));
    expect(await node.exec("ip", ["link", "show", "eth0"], { netns: "c", reject: false })).toMatchObject({
      exitCode: 1,
    });
  });

  test("for the one plugin of a chain does not trouble the others", async () => {
    const args = "MAC=0a:00:00:00:00:07;IP=10.9.0.77";
    const ipam = { type: "host-local", ranges: [[{ subnet: "10.9.0.0/24" }]] };
    const both = { ...config, ipam };
    const outcome = await run(node, "bridge", { command: "ADD", args, config: both, path: distBin });
    expect(expectResult(outcome)).toMatchObject({
      interfaces: [{}, {}, { mac: "0a:00:00:00:00:07" }],
      ips: [{ address: "10.9.0.77/24" }],
    });
    expectSilence(await run(node, "bridge", { command: "DEL", args, config: both, path: distBin }));
    const lone = { cniVersion: "1.0.0", name: "net", type: "loopback" };
    expectResult(await run(node, "loopback", { command: "ADD", args: kubernetes, config: lone }));
  });
});
