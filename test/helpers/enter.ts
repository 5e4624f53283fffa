/** Which namespaces a command is run in. */
export interface Place {
  /** A process that lives in the node's namespaces. */
  readonly pid: number;
  /** A named network namespace of that node, instead of the node's own. */
  readonly netns?: string | undefined;
  /** The working folder, as the node names it; the root folder by default. */
  readonly cwd?: string | undefined;
}

/**
 * The command line that runs `command` in a place. The process is killed with its starter, so that
 * it cannot outlive a killed test run; no process stays between the caller and the command, so that signals
 * sent to the child reach the command itself.
 */
export function enter(place: Place, command: string, args: readonly string[]): [string, string[]] {
  const { pid, netns, cwd = "/" } = place;
  // A named namespace exists only in the node's mount namespace; /proc/PID/root leads there.
  const net = netns === undefined ? `/proc/${pid}/ns/net` : `/proc/${pid}/root/run/netns/${netns}`;
  const nsenter = ["/usr/bin/nsenter", `--mount=/proc/${pid}/ns/mnt`, `--net=${net}`, `--wdns=${cwd}`, "--"];
  // Absolute paths, because the environment given to the command may have no PATH, or a broken one.
  return ["/usr/bin/setpriv", ["--pdeathsig", "KILL", ...nsenter, command, ...args]];
}
