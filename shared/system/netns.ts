/**
 * Network namespaces. The process enters one only to open a socket or to write a sysctl, and comes straight
 * back; what is opened there stays there, so host and container are worked on side by side.
 */

import { Errno } from "./errno.ts";
import { closeFile, OpenFlag, openFile } from "./file.ts";
import { descriptorStatus, fileStatus, isSameFile } from "./file-status.ts";
import { call, SystemError, tryCall } from "./libc.ts";

const CLONE_NEWNET = 0x40000000;
/** The calling thread's namespace; /proc/self would be the main thread's. */
const OWN_NAMESPACE = "/proc/thread-self/ns/net";

/** An open network namespace. */
export interface Namespace {
  readonly path: string;
  /** For IFLA_NET_NS_FD. */
  readonly descriptor: number;
  /** Runs `work` with this thread inside the namespace. */
  run<Value>(work: () => Value): Value;
  close(): void;
}

/** Why a path could not be opened as a network namespace. */
export type NamespaceFault = "missing" | "not-a-namespace" | "denied";

/** The way back is tried so often. */
const RETURNS = 3;

let home: number | undefined;

/** The namespace to come back to, opened once. */
function homeDescriptor(): number {
  home ??= openFile(OWN_NAMESPACE, OpenFlag.readOnly);
  return home;
}

/** A descriptor of the namespace that the plugin runs in, for IFLA_NET_NS_FD. It stays open. */
export const ownNamespaceDescriptor = homeDescriptor;

/**
 * The kernel may lack the memory for it at the moment (ENOMEM). Whoever stayed inside would take back its work there, and
 * leave the host as it is.
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
 * Opens the network namespace at a path. A path that is missing, or is no network namespace (such as the plain
 * file that is left where a namespace was mounted), gives the reason instead; nothing is changed by asking.
 */
export function openNamespace(path: string): Namespace | NamespaceFault {
  let descriptor: number;
  try {
    // Non-blocking: a FIFO at the path must not hang the call.
    descriptor = openFile(path, OpenFlag.readOnly | OpenFlag.nonBlocking);
  } catch (thrown) {
    return faultOf(thrown);
  }
  const fault = tryEntering(descriptor);
  if (fault !== undefined) {
    closeFile(descriptor);
    return fault;
  }
  return {
    path,
    descriptor,
    run: (work) => runInside(descriptor, path, work),
    close: () => closeFile(descriptor),
  };
}

/** What open(2) says of a folder, a socket, a device without a driver, a loop of links, a name too long. Others pass. */
const noNamespace: readonly number[] = [
  Errno.EISDIR,
  Errno.ENXIO,
  Errno.ENODEV,
  Errno.ELOOP,
  Errno.ENAMETOOLONG,
];

function faultOf(thrown: unknown): NamespaceFault {
  if (!(thrown instanceof SystemError)) throw thrown;
  if (thrown.errno === Errno.ENOENT || thrown.errno === Errno.ENOTDIR) return "missing";
  if (thrown.errno === Errno.EACCES || thrown.errno === Errno.EPERM) return "denied";
  if (noNamespace.includes(thrown.errno)) return "not-a-namespace";
  throw thrown;
}

/** Any other file, and a namespace of another type, is refused with EINVAL. */
function tryEntering(descriptor: number): NamespaceFault | undefined {
  const back = homeDescriptor();
  const failed = tryCall("setns", descriptor, CLONE_NEWNET);
  if (failed < 0) return failed === -Errno.EPERM ? "denied" : "not-a-namespace";
  comeBack(back);
  return undefined;
}

/** Whether the path is the very namespace this process runs in. */
export function isOwnNamespace(path: string): boolean {
  try {
    const other = fileStatus(path);
    return other !== undefined && isSameFile(descriptorStatus(homeDescriptor()), other);
  } catch (thrown) {
    if (!(thrown instanceof SystemError)) throw thrown;
    return false;
  }
}

/** What names a namespace for as long as it lives: device and inode of the nsfs file. */
export function namespaceIdentity(namespace: Namespace): string {
  const { device, inode } = descriptorStatus(namespace.descriptor);
  return `${device}:${inode}`;
}
