/**
 * Network namespaces. The process enters one only to open a socket or to write a sysctl, and returns at once. A socket
 * stays in the namespace where it was opened, so the process works on host and container side by side.
 */

import { Errno } from "./errno.ts";
import { closeFile, OpenFlag, openFile } from "./file.ts";
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
 * namespace leaves a plain file. Changes nothing.
 */
export function openNamespace(path: string): Namespace | NamespaceProblem {
  let descriptor: number;
  try {
    // Non-blocking: a FIFO at the path must not block the call.
    descriptor = openFile(path, OpenFlag.readOnly | OpenFlag.nonBlocking);
  } catch (thrown) {
    return faultOf(thrown);
  }
  const problem = tryEntering(descriptor);
  if (problem !== undefined) {
    closeFile(descriptor);
    return problem;
  }
  return {
    path,
    descriptor,
    run: (work) => runInside(descriptor, path, work),
    close: () => closeFile(descriptor),
  };
}

/**
 * Errors of open(2) for a folder, a socket, a device without a driver, a loop of links, and a long name. Other errors
 * may pass.
 */
const noNamespace: readonly number[] = [
  Errno.EISDIR,
  Errno.ENXIO,
  Errno.ENODEV,
  Errno.ELOOP,
  Errno.ENAMETOOLONG,
];

function faultOf(thrown: unknown): NamespaceProblem {
  if (!(thrown instanceof SystemError)) throw thrown;
  if (thrown.errno === Errno.ENOENT || thrown.errno === Errno.ENOTDIR) return "missing";
  if (thrown.errno === Errno.EACCES || thrown.errno === Errno.EPERM) return "denied";
  if (noNamespace.includes(thrown.errno)) return "not-a-namespace";
  throw thrown;
}

/** setns(2) refuses any other file, and other types of namespaces, with EINVAL. */
function tryEntering(descriptor: number): NamespaceProblem | undefined {
  const back = homeDescriptor();
  const failed = tryCall("setns", descriptor, CLONE_NEWNET);
  if (failed < 0) return failed === -Errno.EPERM ? "denied" : "not-a-namespace";
  comeBack(back);
  return undefined;
}

/** True if the path is this process's own namespace. */
export function isOwnNamespace(path: string): boolean {
  try {
    const other = fileStatus(path);
    return other !== undefined && isSameFile(descriptorStatus(homeDescriptor()), other);
  } catch (thrown) {
    if (!(thrown instanceof SystemError)) throw thrown;
    return false;
  }
}

/** A namespace's identity during its life: device and inode of the nsfs file. */
export function namespaceIdentity(namespace: Namespace): string {
  const { device, inode } = descriptorStatus(namespace.descriptor);
  return `${device}:${inode}`;
}
