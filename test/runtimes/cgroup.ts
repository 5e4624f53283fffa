import { once } from "node:events";
import { execa } from "execa";
import type { Node } from "../helpers/index.ts";

/** A control group of the node's own: who is in it, or in one made below it, ends with it. */
export interface Cgroup {
  /** The command line that runs a command in the group. No process stays between. */
  enter(command: string, args: readonly string[]): [string, string[]];
  /** Kills all that is in the group, and removes it. */
  dispose(): Promise<void>;
}

const tree = "/run/cgroups";

// The watcher is in a session of its own: it outlives a test run that is killed, and then tidies up. It is not in
// the group itself. Containers have mount and PID namespaces of their own, so nothing else finds them all.
const watch = `
mkdir -p ${tree}
mount -t cgroup2 cgroup2 ${tree} || exit
mkdir "$1" || exit
echo ready
cat >/dev/null
echo 1 >"$1/cgroup.kill"
left=100
while [ -d "$1" ] && [ $left -gt 0 ]; do
  find "$1" -depth -type d -exec rmdir {} \\; 2>/dev/null
  left=$((left - 1))
  [ -d "$1" ] && sleep 0.1
done
exit 0
`;

// What is made below /sys/fs/cgroup is made below the group, however its path is written.
const join = `echo $$ >"$0/cgroup.procs" && exec unshare --cgroup "$@"`;

/** Makes a control group (version 2, kernel 5.14 or newer) that ends with the test, also when that is killed. */
export async function createCgroup(node: Node): Promise<Cgroup> {
  const path = `${tree}/podwire-test-${node.pid}`;
  const args = [`--mount=/proc/${node.pid}/ns/mnt`, "--", "sh", "-c", watch, "sh", path];
  const options = { detached: true, cleanup: false, stdin: "pipe", buffer: { stdout: false } } as const;
  const watcher = execa("nsenter", args, { ...options, reject: false });
  const early = watcher.then(({ stderr }): never => {
    throw new Error(`no control group: ${stderr}`);
  });
  await Promise.race([once(watcher.stdout, "data"), early]);
  early.catch(() => undefined);
  const cgroup: Cgroup = {
    enter: (command, args) => ["sh", ["-c", join, path, command, ...args]],
    dispose: async () => {
      watcher.stdin.end();
      await watcher;
    },
  };
  await node.exec(...cgroup.enter("mount", ["-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"]));
  return cgroup;
}
