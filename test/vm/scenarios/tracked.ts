import assert from "node:assert/strict";
import { builtPlugin } from "../../helpers/index.ts";
import type { VmNode } from "../node.ts";
import { addPod, assertDone, network } from "./pods.ts";
import type { Scenario } from "./scenario.ts";

// An older kernel, which removes tracked connections by their whole tuple only: what leads to a host port has to be
// listed before it can be forgotten.

const red = network("red", 1, { isGateway: true });
const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];

/** Makes the kernel track a connection from 192.0.2.9 to a port of 192.0.2.1, translated to `answeredBy` if it is given. */
async function track(node: VmNode, from: number, port: number, answeredBy?: string): Promise<void> {
  const original = ["-s", "192.0.2.9", "-d", "192.0.2.1", "-p", "tcp", "--sport", `${from}`];
  const translated = answeredBy === undefined ? [] : ["--dst-nat", answeredBy];
  const end = ["--dport", `${port}`, "--state", "ESTABLISHED", "-t", "300", "-u", "SEEN_REPLY,ASSURED"];
  await node.exec("conntrack", ["-I", ...original, ...end, ...translated]);
}

export const tracked: readonly Scenario[] = [
  {
    name: "portmap: DEL forgets the connections that lead to the container, and no others",
    run: async (node) => {
      const pod = await addPod(node, "a", red);
      const config = { ...red, type: "portmap", backend: "nftables", prevResult: pod.result };
      const call = { containerId: "id-a", netns: pod.path, ifname: "eth0" };
      const added = { ...config, runtimeConfig: { portMappings } };
      const add = await node.plugin(builtPlugin("portmap"), { command: "ADD", ...call, config: added });
      assertDone(add, "ADD");
      await track(node, 4000, 8080, `${pod.address}:80`);
      await track(node, 4001, 8080);
      await track(node, 4002, 8081, `${pod.address}:80`);
      const ports = async () => {
        const { stdout } = await node.exec("conntrack", ["-L", "-p", "tcp", "-s", "192.0.2.9"]);
        return [...stdout.matchAll(/dst=192\.0\.2\.1 sport=(\d+)/g)].map(([, port]) => port).sort();
      };
      assert.deepEqual(await ports(), ["4000", "4001", "4002"]);
      assertDone(await node.plugin(builtPlugin("portmap"), { command: "DEL", ...call, config }), "DEL");
      assert.deepEqual(await ports(), ["4001", "4002"]);
    },
  },
];
