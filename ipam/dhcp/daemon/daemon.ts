/** `dhcp daemon`: one process and one loop for all leases of a node. */
import { messageOf } from "../../../shared/cni/error.ts";
import { blockSignals } from "../../../shared/system/blocked-signals.ts";
import { bootMilliseconds } from "../../../shared/system/clock.ts";
import { closeFile, OpenFlag, openFile, removeFile, writeFile } from "../../../shared/system/file.ts";
import { tryLockFile } from "../../../shared/system/flock.ts";
import { isPassing } from "../../../shared/system/kernel-error.ts";
import { processId } from "../../../shared/system/own-process.ts";
import { waitForAny } from "../../../shared/system/poll.ts";
import { tryAccept, wouldBlock } from "../../../shared/system/socket.ts";
import { writeStandardError, writeStandardOutput } from "../../../shared/system/stdio.ts";
import { LeaseStore } from "../lease/store.ts";
import { BadArguments, type DaemonOptions, readDaemonOptions, usage } from "./arguments.ts";
import { Connection, type Handle } from "./connection.ts";
import { Leases } from "./leases.ts";
import { type Listener, openListener } from "./listener.ts";
import { log } from "./log.ts";
import { takeUpPredecessors } from "./predecessors.ts";
import { serviceOf } from "./service.ts";

type Environment = Readonly<Record<string, string>>;

/** A clock that was set, or a suspended machine, delays what is due by no more than this. */
const LONGEST_WAIT = 60_000;

/** A caller that cannot be accepted for lack of descriptors would wake the loop all the time. */
const PAUSE_WITHOUT_ROOM = 100;

class Loop {
  private readonly listener: Listener;
  private readonly leases: Leases;
  private readonly handle: Handle;
  private readonly connections = new Map<number, Connection>();
  /** Until then callers wait in the kernel: descriptors had run out. */
  private acceptsFrom = 0;
  private readonly signals = blockSignals(["SIGINT", "SIGTERM", "SIGPIPE"]);

  constructor(listener: Listener, leases: Leases, handle: Handle) {
    this.listener = listener;
    this.leases = leases;
    this.handle = handle;
  }

  /** Runs until a signal requests the end. */
  run(): void {
    for (;;) {
      const ready = this.wait();
      if (ready.has(this.signals.descriptor) && this.isEnding()) return;
      for (const socket of ready) this.connections.get(socket)?.onReadable();
      this.leases.proceed(ready, bootMilliseconds());
      if (ready.has(this.listener.descriptor)) this.accept();
      for (const connection of [...this.connections.values()]) {
        if (!connection.isOpen) this.connections.delete(connection.socket);
      }
    }
  }

  private wait(): ReadonlySet<number> {
    const { sockets, next } = this.leases.waits();
    const { descriptor } = this.listener;
    const now = bootMilliseconds();
    const accepts = now >= this.acceptsFrom;
    const own = accepts ? [descriptor, this.signals.descriptor] : [this.signals.descriptor];
    const due = accepts ? next : Math.min(next, this.acceptsFrom);
    const all = [...own, ...this.connections.keys(), ...sockets];
    const limit = Math.max(0, Math.min(due - now, LONGEST_WAIT));
    return new Set(waitForAny(all, "the daemon's sockets", limit));
  }

  private accept(): void {
    for (;;) {
      const socket = tryAccept(this.listener.descriptor);
      // EAGAIN: that was all. Others, such as ECONNABORTED, are of one caller that is gone.
      if (socket < 0) {
        if (isPassing(-socket) && !wouldBlock(socket))
          this.acceptsFrom = bootMilliseconds() + PAUSE_WITHOUT_ROOM;
        return;
      }
      this.connections.set(socket, new Connection(socket, this.handle));
    }
  }

  private isEnding(): boolean {
    for (let signal = this.signals.take(); signal !== undefined; signal = this.signals.take()) {
      if (signal !== "SIGPIPE") return true;
    }
    return false;
  }

  /** Leases stay for the next daemon. */
  end(): void {
    this.leases.stop();
    for (const connection of this.connections.values()) connection.close();
    this.listener.close();
  }
}

/** One daemon for a folder of leases, until the process ends. Throws BadArguments. */
function lockStore(store: LeaseStore): void {
  store.prepare();
  const path = `${store.folder}/lock`;
  const descriptor = openFile(path, OpenFlag.readWrite | OpenFlag.create | OpenFlag.noFollow, 0o600);
  if (tryLockFile(descriptor, path)) return;
  closeFile(descriptor);
  throw new BadArguments(
    `another daemon has the leases in ${store.folder}: stop it first, or choose another -socketpath`,
  );
}

function serve(options: DaemonOptions, environment: Environment): void {
  const { pidFile, hostPrefix, socketPath } = options;
  const store = new LeaseStore(socketPath, hostPrefix);
  lockStore(store);
  const path = `${hostPrefix}${socketPath}`;
  const listener = openListener(path, environment);
  if (pidFile !== "") writeFile(pidFile, String(processId()), 0o644);
  const leases = new Leases({ options, store });
  leases.restore();
  takeUpPredecessors(leases, options);
  const loop = new Loop(listener, leases, serviceOf(leases, hostPrefix));
  log(`listens at ${path}`);
  try {
    loop.run();
  } finally {
    loop.end();
    if (pidFile !== "") removeFile(pidFile);
  }
}

/** Runs the daemon. `words` are the arguments after "daemon". Returns the exit code. */
export function runDaemon(words: readonly string[], environment: Environment): number {
  if (words.some((word) => ["-h", "-help", "--help"].includes(word))) {
    writeStandardOutput(usage);
    return 0;
  }
  try {
    serve(readDaemonOptions(words), environment);
    return 0;
  } catch (thrown) {
    const isMisuse = thrown instanceof BadArguments;
    writeStandardError(
      `podwire dhcp: ${isMisuse ? thrown.message : messageOf(thrown)}\n${isMisuse ? usage : ""}`,
    );
    return isMisuse ? 2 : 1;
  }
}
