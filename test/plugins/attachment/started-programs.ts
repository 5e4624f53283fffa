/** The programs that a call of a plugin starts. */
import { expect } from "vitest";
import type { CniCommand } from "../../helpers/index.ts";
import { pluginOptions } from "../../helpers/plugin.ts";
import type { Host, Keys, Pod } from "./host.ts";

/** A call that must succeed: what it printed, and the names of the programs that were started for it. */
export const callTraced = async (host: Host, command: CniCommand, pod: Pod | undefined, keys: Keys) => {
  const file = "/run/execs";
  const args = ["-f", "-qq", "-e", "trace=execve", "-e", "signal=none", "-o", file, host.executable];
  const options = pluginOptions(host.executable, host.request(command, pod, keys));
  const { exitCode, stdout } = await host.node.exec("strace", args, options);
  expect(exitCode, stdout).toBe(0);
  const lines = (await host.node.exec("grep", ["= 0$", file])).stdout.split("\n");
  await host.node.exec("rm", [file]);
  const started = lines.map((line) => /execve\("[^"]*\/([^/"]+)"/.exec(line)?.[1] ?? line).slice(1);
  return { stdout, started };
};
