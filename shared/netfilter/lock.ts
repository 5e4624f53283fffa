/**
 * One process at a time, per network namespace: from looking at rules to changing them. Only for the rare repair;
 * single changes are atomic in the kernel.
 *
 * The lock is a socket bound to an abstract name, unix(7): such names belong to the network namespace, need no
 * file system that can be written, and are free again when the process dies. flock(2) on the namespace's file would
 * do as well, but is taken for links and addresses, which must not wait for iptables.
 */

import { CniError, ErrorCode } from "../cni/error.ts";
import { monotonicMilliseconds } from "../system/clock.ts";
import { Errno } from "../system/errno.ts";
import { closeFile } from "../system/file.ts";
import { call, SystemError, tryCall } from "../system/libc.ts";
import { pause } from "../system/poll.ts";
import { encodeText } from "../system/text.ts";

const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const NAME = "podwire netfilter";
const PAUSE_MILLISECONDS = 3;
/** Longer than one holder may wait for the lock of legacy iptables. */
const PATIENCE_MILLISECONDS = 20_000;

/** struct sockaddr_un: the family, then a NUL that makes the name abstract. */
function socketAddress(): Uint8Array {
  return new Uint8Array([AF_UNIX, 0, 0, ...encodeText(NAME)]);
}

/** Runs `work` while no other process of the namespace is in here. Must not be nested. */
export function withNetfilterLock<Value>(work: () => Value): Value {
  const socket = call("socket", "the netfilter lock", AF_UNIX, SOCK_STREAM_CLOEXEC, 0);
  try {
    waitForName(socket);
    return work();
  } finally {
    closeFile(socket);
  }
}

function waitForName(socket: number): void {
  const address = socketAddress();
  const deadline = monotonicMilliseconds() + PATIENCE_MILLISECONDS;
  for (;;) {
    const failed = tryCall("bind", socket, address);
    if (failed === 0) return;
    if (failed !== -Errno.EADDRINUSE) throw new SystemError("bind", "the netfilter lock", -failed);
    if (monotonicMilliseconds() > deadline) throw tooLong();
    pause(PAUSE_MILLISECONDS);
  }
}

function tooLong(): CniError {
  return new CniError(
    ErrorCode.tryAgainLater,
    `another process has been changing the packet filter for ${PATIENCE_MILLISECONDS / 1000} s`,
    `find the holder of the socket @"${NAME}" with: ss -xlap`,
  );
}
