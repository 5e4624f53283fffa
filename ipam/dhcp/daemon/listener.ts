/** The daemon's socket: its own, or systemd's (sd_listen_fds(3)). */
import { makeDirectory } from "../../../shared/system/directory.ts";
import { describeErrno, Errno } from "../../../shared/system/errno.ts";
import { closeFile, removeFile } from "../../../shared/system/file.ts";
import { processId } from "../../../shared/system/own-process.ts";
import { dirName } from "../../../shared/system/path.ts";
import { adoptSocket, listenAt, tryConnect } from "../../../shared/system/socket.ts";
import { BadArguments } from "./arguments.ts";

type Environment = Readonly<Record<string, string>>;

export interface Listener {
  readonly descriptor: number;
  /** Removes the socket if the daemon has made it. */
  close(): void;
}

/** Sockets by systemd begin here. */
const FIRST_DESCRIPTOR = 3;

/** systemd's socket; undefined without one. Throws BadArguments for several. */
function activated(environment: Environment): Listener | undefined {
  const count = Number(environment["LISTEN_FDS"] ?? 0);
  if (!(count > 0) || Number(environment["LISTEN_PID"]) !== processId()) return undefined;
  if (count > 1)
    throw new BadArguments(`systemd passes ${count} sockets: the unit must have one ListenStream=`);
  adoptSocket(FIRST_DESCRIPTOR);
  return { descriptor: FIRST_DESCRIPTOR, close: () => {} };
}

/** A daemon that hangs answers no caller, and is there all the same. */
const PROBE_SECONDS = 5;

/** A socket that a killed daemon has left gives way. Throws BadArguments if a daemon answers there, SystemError for any other failure. */
export function openListener(path: string, environment: Environment): Listener {
  const given = activated(environment);
  if (given !== undefined) return given;
  const failed = tryConnect(path, PROBE_SECONDS);
  if (failed >= 0) {
    closeFile(failed);
    throw new BadArguments(`another daemon answers at ${path}: stop it first, or choose another -socketpath`);
  }
  if (failed === -Errno.ECONNREFUSED) removeFile(path);
  else if (failed !== -Errno.ENOENT) throw new BadArguments(`${path}: ${describeErrno(-failed)}`);
  makeDirectory(dirName(path), 0o700);
  return {
    descriptor: listenAt(path),
    close: () => void removeFile(path),
  };
}
