/** The system calls of a call do not grow with the attachments of the node: ptp and portmap, both backends. */
import { expect, test } from "vitest";
import { builtPlugin, canRun, createNode } from "../../helpers/index.ts";
import { inLanes, makePods } from "../attachment/concurrent.ts";
import { Host, hostLocal, type Keys, type Pod, subnet4, subnet6 } from "../attachment/host.ts";
import { stepsOf } from "../sweep/system-calls.ts";
import { backends } from "./host.ts";

const [few, many] = [5, 100];
/** A message more of a dump, and what else is not the same each time. */
const tolerance = 6;

test.runIf(canRun("strace", "ip", "iptables", "nft")).each(backends)(
  `ADD, CHECK and DEL make as many with ${many} attachments as with ${few} (%s)`,
  async (backend) => {
    await using node = await createNode();
    const [ptp, portmap] = [new Host(node, builtPlugin("ptp")), new Host(node, builtPlugin("portmap"))];
    const common = { cniVersion: "1.1.0", name: "net" };
    const ipam = hostLocal([subnet4, subnet6]);
    const connected = { ...common, type: "ptp", ipMasq: true, ipMasqBackend: backend, ipam };
    const forwarded = (port: number): Keys => ({
      ...common,
      type: "portmap",
      backend,
      runtimeConfig: { portMappings: [{ hostPort: port, containerPort: 80 }] },
    });
    const pods = await makePods(ptp, many + 2);
    const attach = async (pod: Pod, index: number) => {
      const prevResult = await ptp.add(pod, connected);
      await portmap.add(pod, { ...forwarded(9000 + index), prevResult });
    };
    const count = async (pod: Pod) => {
      const counts: Record<string, number> = {};
      const make = async (host: Host, command: "ADD" | "CHECK" | "DEL", config: Keys) => {
        counts[`${config["type"]} ${command}`] = (await stepsOf({ host, command, pod, config })).length;
      };
      await make(ptp, "ADD", connected);
      // Once more, for its result.
      await ptp.del(pod, connected);
      const prevResult = await ptp.add(pod, connected);
      await make(portmap, "ADD", { ...forwarded(8000), prevResult });
      await make(portmap, "CHECK", { ...forwarded(8000), prevResult });
      await make(ptp, "CHECK", { ...connected, prevResult });
      await make(portmap, "DEL", forwarded(8000));
      await make(ptp, "DEL", connected);
      return counts;
    };

    const [one, two, ...held] = pods as [Pod, Pod, ...Pod[]];
    await inLanes(held.slice(0, few), 1, attach);
    const before = await count(one);
    await inLanes(held.slice(few), 4, (pod, index) => attach(pod, few + index));
    const after = await count(two);
    for (const [call, number] of Object.entries(before)) expect(number, call).toBeGreaterThan(tolerance);
    const grown = Object.keys(before).filter((call) => (after[call] ?? 0) > (before[call] ?? 0) + tolerance);
    expect(grown.map((call) => `${call}: ${before[call]}, then ${after[call]}`)).toEqual([]);
  },
  300_000,
);
