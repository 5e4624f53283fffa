/** Who holds a lock of flock(2): for the error of a call that waited too long. */
import { listDirectory } from "./directory.ts";
import { readTextIfPresent } from "./file.ts";
import { type FileStatus, fileStatus, isSameFile } from "./file-status.ts";
import { SystemError } from "./libc.ts";

/** The most characters of a command line in an error, and the most processes. */
const LONGEST_COMMAND = 80;
const MOST_HOLDERS = 3;

/** A process may end while it is looked at, or belong to another user. */
function orElse<Value>(value: Value, work: () => Value): Value {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof SystemError)) throw thrown;
    return value;
  }
}

/**
 * Whether a process has a descriptor that holds a lock on the file. /proc/locks would name the process that took it, which
 * may have ended, or whose number another process may have by now.
 */
function isHolder(pid: string, file: FileStatus): boolean {
  const folder = `/proc/${pid}/fd`;
  return orElse<string[]>([], () => listDirectory(folder)).some((descriptor) =>
    orElse(false, () => {
      const status = fileStatus(`${folder}/${descriptor}`);
      if (status === undefined || !isSameFile(status, file)) return false;
      return /^lock:.* FLOCK /m.test(readTextIfPresent(`/proc/${pid}/fdinfo/${descriptor}`) ?? "");
    }),
  );
}

/** The command line, with a question mark for each character that could disturb a terminal. */
function commandOf(pid: string): string {
  const read = (name: string) => orElse("", () => readTextIfPresent(`/proc/${pid}/${name}`) ?? "");
  const words = read("cmdline").replaceAll("\0", " ").trim() || read("comm").trim();
  const text = words.replace(/[^\x20-\x7e]/g, "?");
  return text.length <= LONGEST_COMMAND ? text : `${text.slice(0, LONGEST_COMMAND)}...`;
}

/** The processes that hold a lock on the file: "PID 7 (sleep 60)". Empty if none can be seen from here. */
export function lockHolders(file: FileStatus): string[] {
  const holders: string[] = [];
  for (const pid of orElse<string[]>([], () => listDirectory("/proc"))) {
    if (!/^\d+$/.test(pid) || !isHolder(pid, file)) continue;
    holders.push(`PID ${pid} (${commandOf(pid)})`);
    if (holders.length === MOST_HOLDERS) break;
  }
  return holders;
}
