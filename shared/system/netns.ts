/**
 * Network namespaces. The process enters one only to open a socket or to write a sysctl, and returns at once. A socket
 * stays in the namespace where it was opened, so the process works on host and container side by side.
 */

import { Errno, isAbsence } from "./errno.ts";
import { closeFile, OpenFlag, openFile, tryOpen } from "./file.ts";
import { descriptorStatus, fileStatus, isSameFile } from "./file-status.ts";
import { call, SystemError, tryCall } from "./libc.ts";

const CLONE_NEWNET = 0x40000000;
/** The calling thread's namespace; /proc/self is the main thread's. */
const OWN_NAMESPACE = "/proc/thread-self/ns/net";

/** An open network namespace. */
export interface Namespace {
  readonly path: string;
  /** For IFLA_NET_NS_FD. */
  readonly descriptor: number;
  /** Runs `work` while this thread is inside the namespace. */
  run<Value>(work: () => Value): Value;
  close(): void;
}

/** The reason why a path is not a usable network namespace. */
export type NamespaceProblem = "missing" | "not-a-namespace" | "denied";

/** The number of attempts to return. */
const RETURNS = 3;

let home: number | undefined;

/** The descriptor of the namespace to return to, opened once. */
function homeDescriptor(): number {
  home ??= openFile(OWN_NAMESPACE, OpenFlag.readOnly);
  return home;
}

/** A descriptor of the namespace that the plugin runs in, for IFLA_NET_NS_FD. It stays open. */
export const ownNamespaceDescriptor = homeDescriptor;

/**
 * Returning may fail for lack of memory (ENOMEM), so it is tried again. A process that stayed inside would undo its
 * work there and leave the host unchanged.
 */
function comeBack(back: number): void {
  for (let attempt = 1; attempt < RETURNS; attempt++) if (tryCall("setns", back, CLONE_NEWNET) >= 0) return;
  call("setns", "the plugin's own network namespace", back, CLONE_NEWNET);
}

function runInside<Value>(target: number, path: string, work: () => Value): Value {
  const back = homeDescriptor();
  call("setns", path, target, CLONE_NEWNET);
  try {
    return work();
  } finally {
    comeBack(back);
  }
}

/**
 * Opens the network namespace at a path. For a missing path or another kind of file, returns the reason. An unmounted
 * namespace leaves a plain file. Throws SystemError if that is unknown, as without memory. Changes nothing.
 */
export function openNamespace(path: string): Namespace | NamespaceProblem {
  const descriptor = tryOpening(path);
  if (descriptor < 0) return problemOf(path, -descriptor);
  try {
    const problem = tryEntering(descriptor, path);
    if (problem === undefined) return opened(path, descriptor);
    closeFile(descriptor);
    return problem;
  } catch (thrown) {
    closeFile(descriptor);
    throw thrown;
  }
}

/** The same for a namespace that may be gone: then undefined. Throws SystemError if it may not be entered. */
export function openNamespaceIfPresent(path: string): Namespace | undefined {
  const namespace = openNamespace(path);
  if (namespace === "denied") throw new SystemError("open", path, Errno.EACCES);
  return typeof namespace === "string" ? undefined : namespace;
}

function opened(path: string, descriptor: number): Namespace {
  return {
    path,
    descriptor,
    run: (work) => runInside(descriptor, path, work),
    close: () => closeFile(descriptor),
  };
}

function tryOpening(path: string): number {
  // Non-blocking: a FIFO at the path must not block the call.
  const flags = OpenFlag.readOnly | OpenFlag.nonBlocking;
  const descriptor = tryOpen(path, flags);
  // For a process that ends meanwhile, /proc returns EACCES (fs/proc/namespaces.c), and ENOENT the next time.
  return descriptor === -Errno.EACCES || descriptor === -Errno.ESRCH ? tryOpen(path, flags) : descriptor;
}

/** Both say that a path is wrong at all times. */
const badPath: readonly number[] = [Errno.ELOOP, Errno.ENAMETOOLONG];

/** The reason for an errno of open(2). A passing error, which says nothing about the path, is thrown. */
function problemOf(path: string, errno: number): NamespaceProblem {
  if (isAbsence(errno)) return "missing";
  if (errno === Errno.EACCES || errno === Errno.EPERM) return "denied";
  // A second system call has to confirm it: a folder, a socket, a device without a driver, a loop of links, a long name.
  try {
    const status = fileStatus(path);
    if (status === undefined) return "missing";
    if (!status.isFile) return "not-a-namespace";
  } catch (thrown) {
    if (badPath.includes(errno) && thrown instanceof SystemError && thrown.errno === errno)
      return "not-a-namespace";
  }
  throw new SystemError("open", path, errno);
}

/** setns(2) refuses any other file, and other types of namespaces, with EINVAL. */
function tryEntering(descriptor: number, path: string): NamespaceProblem | undefined {
  const back = homeDescriptor();
  const failed = tryCall("setns", descriptor, CLONE_NEWNET);
  if (failed === -Errno.EINVAL) return "not-a-namespace";
  if (failed === -Errno.EPERM) return "denied";
  if (failed < 0) throw new SystemError("setns", path, -failed);
  comeBack(back);
  return undefined;
}

/** True if the path is this process's own namespace. Throws SystemError if that is unknown. */
export function isOwnNamespace(path: string): boolean {
  try {
    const other = fileStatus(path);
    return other !== undefined && isSameFile(descriptorStatus(homeDescriptor()), other);
  } catch (thrown) {
    if (thrown instanceof SystemError && [...badPath, Errno.EACCES].includes(thrown.errno)) return false;
    throw thrown;
  }
}

/** A namespace's identity during its life: device and inode of the nsfs file. */
export function namespaceIdentity(namespace: Namespace): string {
  const { device, inode } = descriptorStatus(namespace.descriptor);
  return `${device}:${inode}`;
}
