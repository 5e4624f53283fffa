/**
 * Runs inside a node, under Bun: attaches a pod to the network in a file and detaches it again, some times over, and
 * prints what each ADD cost. The configuration comes as a file, as it may be larger than an argument.
 *
 *   worker.ts EXECUTABLE CONFIGURATION TIMES
 */
import { readFileSync } from "node:fs";
import type { Cost } from "../protocol.ts";

declare const Bun: {
  nanoseconds(): number;
  file(path: string): object;
  spawnSync(options: object): {
    readonly exitCode: number;
    readonly resourceUsage: { readonly cpuTime: { readonly total: number | bigint } };
  };
};

const [executable = "", configuration = "", times = "1"] = process.argv.slice(2);
const output = "/run/bench-output";

function call(verb: "ADD" | "DEL"): Cost {
  const env = {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    CNI_COMMAND: verb,
    CNI_CONTAINERID: "bench",
    CNI_NETNS: "/run/netns/pod",
    CNI_IFNAME: "eth0",
    CNI_PATH: executable.slice(0, executable.lastIndexOf("/")),
  };
  const begin = Bun.nanoseconds();
  const stdio = {
    stdin: Bun.file(configuration),
    stdout: Bun.file(output),
    stderr: Bun.file("/run/bench-error"),
  };
  const { exitCode, resourceUsage } = Bun.spawnSync({ cmd: [executable], env, ...stdio });
  const wall = (Bun.nanoseconds() - begin) / 1e6;
  if (exitCode !== 0) throw new Error(`${verb}: ${readFileSync(output, "utf8")}`);
  return { wall, cpu: Number(resourceUsage.cpuTime.total) / 1e3 };
}

const costs: Cost[] = [];
for (let time = 0; time < Number(times); time += 1) {
  costs.push(call("ADD"));
  call("DEL");
}
process.stdout.write(`${JSON.stringify(costs)}\n`);
