import { beforeAll, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../../helpers/index.ts";
import {
  configurationOf,
  expectError,
  expectResult,
  expectSilence,
  plugins,
  prepare,
  run,
  stateOf,
} from "../subjects.ts";

/** What may be at a path that is no network namespace, made by shell code. */
const noNamespaces: Record<string, [path: string, code: string]> = {
  nothing: ["/run/nothing", "true"],
  "nothing, below a file": ["/run/file/x", "touch /run/file"],
  "a plain file, as an unmounted namespace leaves it": ["/run/netns/left", "touch /run/netns/left"],
  "a folder": ["/run/folder", "mkdir /run/folder"],
  "a FIFO": ["/run/fifo", "mkfifo /run/fifo"],
  "a device": ["/dev/zero", "true"],
  "a mount namespace": ["/proc/self/ns/mnt", "true"],
  "a file of /proc": ["/proc/self/status", "true"],
  "a link to itself": ["/run/loop", "ln -s /run/loop /run/loop"],
  "a name that is too long": [`/run/${"x".repeat(4000)}`, "true"],
};

/** IPAM plugins work on no namespace, and portmap on the host's alone. */
const attaching = plugins.filter(
  (plugin) => !["host-local", "static", "portmap", "firewall"].includes(plugin),
);

describe.runIf(canRun("ip")).each(attaching)("%s", (plugin) => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
    await prepare(node);
    return () => node.dispose();
  });

  test.each(Object.entries(noNamespaces))(
    "finds %s where the namespace should be: ADD and CHECK fail, DEL does not",
    async (_, [netns, code]) => {
      await node.exec("sh", ["-c", code]);
      const config = configurationOf(plugin, "1.0.0");
      const before = await stateOf(node);
      for (const command of ["ADD", "CHECK"] as const) {
        const prevResult = { cniVersion: "1.0.0", interfaces: [{ name: "eth0", sandbox: netns }] };
        const outcome = await run(node, plugin, { command, netns, config: { ...config, prevResult } });
        expectError(outcome, 8, command);
        expect(outcome.json.msg).toContain(netns);
      }
      expectSilence(await run(node, plugin, { command: "DEL", netns, config }));
      expect(await stateOf(node)).toEqual(before);
    },
  );

  test("needs no namespace for DEL", async () => {
    const config = configurationOf(plugin, "1.0.0");
    expectSilence(await run(node, plugin, { command: "DEL", netns: "", config }));
  });
});

/** Paths that all lead to the node's own namespace, where the plugin runs. */
const own = ["/proc/self/ns/net", "/proc/thread-self/ns/net", "/run/bound", "/run/linked"];

const nodeWithOwnPaths = async (): Promise<Node> => {
  const node = await createNode();
  await prepare(node);
  const code = "touch /run/bound; mount --bind /proc/self/ns/net /run/bound; ln -s bound /run/linked";
  await node.exec("sh", ["-c", code]);
  return node;
};

/** No node routes packets for its own address: with ptp, the pod and the node must be two. */
const workingOnOwn = plugins.filter((plugin) => plugin !== "ptp");

describe.runIf(canRun("ip")).each(plugins)("%s", (plugin) => {
  test.each(own)("does not work on its own namespace, under the name %s", async (netns) => {
    await using node = await nodeWithOwnPaths();
    const config = configurationOf(plugin, "1.0.0");
    const before = await stateOf(node);
    for (const command of ["ADD", "CHECK"] as const) {
      const outcome = await run(node, plugin, { command, netns, config });
      expectError(outcome, 8, command);
      expect(outcome.json.msg).toContain("plugin's netns and netns from CNI_NETNS should not be the same");
    }
    expect(await stateOf(node)).toEqual(before);
  });

  test.each(own)(
    "takes its own namespace for a container that is gone in DEL, under the name %s",
    async (netns) => {
      await using node = await nodeWithOwnPaths();
      const before = await stateOf(node);
      expectSilence(
        await run(node, plugin, { command: "DEL", netns, config: configurationOf(plugin, "1.0.0") }),
      );
      expect(await stateOf(node)).toEqual(before);
    },
  );

  test.each(["0", "", "no"])("does not, with CNI_NETNS_OVERRIDE=%j", async (override) => {
    await using node = await nodeWithOwnPaths();
    const env = { CNI_NETNS_OVERRIDE: override };
    const call = {
      command: "ADD",
      netns: "/run/bound",
      config: configurationOf(plugin, "1.0.0"),
      env,
    } as const;
    expectError(await run(node, plugin, call), 8);
  });
});

describe.runIf(canRun("ip")).each(workingOnOwn)("%s works on its own namespace", (plugin) => {
  test.each(["1", "true"])("with CNI_NETNS_OVERRIDE=%s", async (override) => {
    await using node = await nodeWithOwnPaths();
    const call = {
      netns: "/run/bound",
      config: configurationOf(plugin, "1.0.0"),
      env: { CNI_NETNS_OVERRIDE: override },
    };
    expect(expectResult(await run(node, plugin, { command: "ADD", ...call }))).toHaveProperty("ips");
    expectSilence(await run(node, plugin, { command: "DEL", ...call }));
  });
});
