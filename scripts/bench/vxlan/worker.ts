/**
 * Runs inside a node, in the engine: attaches a pod to the network in a file and detaches it, several times, and
 * prints the cost of each ADD. The configuration is a file because it may be larger than an argument.
 *
 * worker EXECUTABLE CONFIGURATION TIMES
 */
import { readText } from "../../../shared/system/file.ts";
import { writeStandardOutput } from "../../../shared/system/stdio.ts";
import { environmentOf } from "../environment.ts";
import { measure } from "../process.ts";
import type { Cost } from "../protocol.ts";

const [output, errors] = ["/run/bench-output", "/run/bench-error"];

const pod = { containerId: "bench", netns: "/run/netns/pod", ifname: "eth0" };

function callPlugin(verb: "ADD" | "DEL", executable: string, configuration: string): Cost {
  const environment = environmentOf(verb, pod, executable.slice(0, executable.lastIndexOf("/")));
  const { cost, status } = measure({ path: executable, environment, files: [configuration, output, errors] });
  if (status !== 0) throw new Error(`${verb}: ${readText(output)}`);
  return cost;
}

export function main([executable = "", configuration = "", times = "1"]: readonly string[]): number {
  const costs: Cost[] = [];
  for (let time = 0; time < Number(times); time++) {
    costs.push(callPlugin("ADD", executable, configuration));
    callPlugin("DEL", executable, configuration);
  }
  writeStandardOutput(JSON.stringify(costs));
  return 0;
}
