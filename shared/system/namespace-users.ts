/** Finds the network namespaces in use, from /proc (proc(5)). Slow: it reads all processes. */
import { listDirectory } from "./directory.ts";
import { Errno } from "./errno.ts";
import { readTextIfPresent, tryReadLink } from "./file.ts";
import { fileStatus } from "./file-status.ts";
import { SystemError } from "./libc.ts";

/** The text of a link to a network namespace (nsfs, fs/nsfs.c). */
const LINK = /^net:\[(\d+)\]$/;
/** The same in mountinfo: the root of a mount and its path. */
const MOUNT = / net:\[(\d+)\] (\S+) /g;

/** A process that ends meanwhile is in no namespace. For a zombie, mountinfo returns EINVAL. */
const ended: readonly number[] = [Errno.ENOENT, Errno.ESRCH, Errno.EINVAL];

/** Runs `look`, and ignores errors for which `isHarmless` returns true. */
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

/** Adds the namespaces of a folder's links. `suffix` follows each name in it. */
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

/** mountinfo writes a space, a tab, a line break and a backslash as octal numbers (fs/proc_namespace.c, mangle). */
const decodePath = (path: string) =>
  path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** Adds the namespaces that are mounted where the process sees them; false if it has ended. */
function addMounts(found: Found, process: string): boolean {
  const text = readTextIfPresent(`${process}/mountinfo`) ?? "";
  for (const [, inode = "", point = ""] of text.matchAll(MOUNT)) {
    if (!found.has(inode)) found.set(inode, `${process}/root${decodePath(point)}`);
  }
  return text !== "";
}

/** The network namespaces that are mounted where this process sees them, by inode: a runtime mounts those of its containers there. */
export function mountedNamespaces(): ReadonlySet<string> {
  const found: Found = new Map();
  addMounts(found, "/proc/self");
  return new Set(found.keys());
}

/** Adds all namespaces of a process; false if its links may not be read. */
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
    // Of a process that has just ended, nothing was read: another one with the same mounts has to show them.
    if (addMounts(found, process)) mountNamespaces.add(mounts);
  });
  return isOpen;
}

/** The files in /proc/PID/net differ per namespace, and all users may read their inode. */
const netFiles = (process: string): bigint | undefined => fileStatus(`${process}/net/dev`)?.inode;

/**
 * The network namespaces of all threads, and those held open or mounted: inode -> a path to it. Throws SystemError if
 * that is unknown.
 *
 * The links of a process with more privileges than ours may not be read (ptrace(2), access mode checking). That
 * process is neither a container nor the runtime that called us. It is skipped if another process is in the same
 * namespace.
 */
export function namespacesInUse(): ReadonlyMap<string, string> {
  const found: Found = new Map();
  const mountNamespaces = new Set<string>();
  const open: string[] = [];
  const closed: string[] = [];
  const names = listDirectory("/proc").filter((name) => /^\d+$/.test(name));
  // At least this process is there, unless /proc is not mounted.
  if (names.length === 0) throw new SystemError("list", "the processes in /proc", Errno.ENOENT);
  for (const name of names) {
    const process = `/proc/${name}`;
    (addAll(found, mountNamespaces, process) ? open : closed).push(process);
  }
  const known = closed.length === 0 ? [] : open.map(netFiles);
  for (const process of closed) {
    const files = netFiles(process);
    // It has ended meanwhile.
    if (files === undefined) continue;
    if (!known.includes(files)) throw new SystemError("readlink", process, Errno.EACCES);
  }
  return found;
}
