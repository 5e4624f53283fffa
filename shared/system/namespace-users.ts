/** Who is in a network namespace, by what /proc tells of all processes (proc(5)). Slow: for when it has to be known. */
import { listDirectory } from "./directory.ts";
import { Errno } from "./errno.ts";
import { readTextIfPresent, tryReadLink } from "./file.ts";
import { fileStatus } from "./file-status.ts";
import { SystemError } from "./libc.ts";

/** What a link to a network namespace says: nsfs, fs/nsfs.c. */
const LINK = /^net:\[(\d+)\]$/;
/** The same as the root of a mount, and where it is mounted, in mountinfo. */
const MOUNT = / net:\[(\d+)\] (\S+) /g;

/** A process that ends while it is looked at is in no namespace; of a zombie, mountinfo says EINVAL. */
const ended: readonly number[] = [Errno.ENOENT, Errno.ESRCH, Errno.EINVAL];

/** Does nothing about an error of the kernel that `isHarmless` knows. */
function unless(isHarmless: (errno: number) => boolean, look: () => void): void {
  try {
    look();
  } catch (thrown) {
    if (!(thrown instanceof SystemError) || !isHarmless(thrown.errno)) throw thrown;
  }
}

function readProcLink(path: string): string {
  const target = tryReadLink(path);
  if (typeof target === "number") throw new SystemError("readlink", path, -target);
  return target;
}

type Found = Map<string, string>;

/** Adds the namespaces that the links of a folder lead to. `suffix` is what follows a name in it. */
function addLinks(found: Found, folder: string, suffix: string): void {
  for (const name of listDirectory(folder)) {
    unless(
      (errno) => ended.includes(errno),
      () => {
        const path = `${folder}/${name}${suffix}`;
        const inode = LINK.exec(readProcLink(path))?.[1];
        if (inode !== undefined) found.set(inode, path);
      },
    );
  }
}

function addMounts(found: Found, process: string): void {
  const text = readTextIfPresent(`${process}/mountinfo`) ?? "";
  for (const [, inode = "", point = ""] of text.matchAll(MOUNT)) {
    if (!found.has(inode)) found.set(inode, `${process}/root${point}`);
  }
}

/** Adds all that a process tells; false if it may not be looked at. */
function addAll(found: Found, mountNamespaces: Set<string>, process: string): boolean {
  let isOpen = true;
  const isHarmless = (errno: number) => {
    isOpen = errno !== Errno.EACCES;
    return ended.includes(errno) || !isOpen;
  };
  unless(isHarmless, () => {
    addLinks(found, `${process}/task`, "/ns/net");
    addLinks(found, `${process}/fd`, "");
    const mounts = readProcLink(`${process}/ns/mnt`);
    if (mountNamespaces.has(mounts)) return;
    mountNamespaces.add(mounts);
    addMounts(found, process);
  });
  return isOpen;
}

/** Each namespace has files of its own in /proc/PID/net, and anybody may see which these are. */
const netFiles = (process: string): bigint | undefined => fileStatus(`${process}/net/dev`)?.inode;

/**
 * The network namespaces that a thread is in, or that are held open or mounted anywhere: inode -> a path that leads
 * there. Throws SystemError if that cannot be told.
 *
 * A process of more rights than ours may not be looked at (ptrace(2), access mode checking). It is no container, nor
 * their runtime, which called us. It is left out if its namespace is that of another process, and so found.
 */
export function namespacesInUse(): ReadonlyMap<string, string> {
  const found: Found = new Map();
  const mountNamespaces = new Set<string>();
  const open: string[] = [];
  const closed: string[] = [];
  for (const name of listDirectory("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const process = `/proc/${name}`;
    (addAll(found, mountNamespaces, process) ? open : closed).push(process);
  }
  const known = closed.length === 0 ? [] : open.map(netFiles);
  for (const process of closed) {
    if (!known.includes(netFiles(process))) throw new SystemError("readlink", process, Errno.EACCES);
  }
  return found;
}
