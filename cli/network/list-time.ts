/** The time of which podwire's list of attachments is, for the plugins' GC. */
import { ATTACHMENT_LOCK } from "../../shared/cni/attachment-lock.ts";
import { bootMilliseconds, fileTime } from "../../shared/system/clock.ts";
import { listDirectory } from "../../shared/system/directory.ts";
import { Errno } from "../../shared/system/errno.ts";
import { readTextIfPresent } from "../../shared/system/file.ts";
import { SystemError } from "../../shared/system/libc.ts";
import { timesOfCalls } from "../../shared/system/lock.ts";

/** The unit of times in /proc/PID/stat: USER_HZ is 100 on all processors that podwire runs on. */
const MILLISECONDS_PER_TICK = 10;

/** Runtimes wait for an ADD no longer: kubelet 4 minutes. Later it is a program that ADD has left behind, with its environment. */
const LONGEST_CALL_MILLISECONDS = 10 * 60_000;

/** The process has ended, or may not be read. */
const unreadable: readonly number[] = [Errno.ESRCH, Errno.EACCES, Errno.EPERM];

function readOfProcess(path: string): string {
  try {
    return readTextIfPresent(path) ?? "";
  } catch (thrown) {
    if (thrown instanceof SystemError && unreadable.includes(thrown.errno)) return "";
    throw thrown;
  }
}

/** How long ago a process was started, in milliseconds, rounded up; undefined if it has ended. */
function ageOf(process: string, now: number): number | undefined {
  const text = readOfProcess(`${process}/stat`);
  // The name, in parentheses, may have spaces and parentheses itself. The time is field 22 (proc(5)).
  const start = text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  return start === undefined ? undefined : now - Number(start) * MILLISECONDS_PER_TICK;
}

/** The ages that the ADDs of any plugin which run now had at the time `now`, in milliseconds. */
function agesOfCalls(now: number): number[] {
  return listDirectory("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const process = `/proc/${name}`;
    if (!readOfProcess(`${process}/environ`).split("\0").includes("CNI_COMMAND=ADD")) return [];
    const age = ageOf(process, now);
    return age === undefined ? [] : [age];
  });
}

const nanoseconds = (milliseconds: number) => BigInt(Math.ceil(milliseconds)) * 1_000_000n;

/**
 * The time since which attachments may be missing in a list that is made after this call, in nanoseconds since 1970: now, or when the
 * first of the ADDs began that have not ended. Their processes show them, and in another PID namespace the locks of podwire's.
 */
export function timeOfList(): bigint {
  // Before all else: an ADD that begins meanwhile has later files.
  const [time, now] = [fileTime(), bootMilliseconds()];
  const started = agesOfCalls(now).map((age) => time - nanoseconds(age + MILLISECONDS_PER_TICK));
  const all = [...started, ...timesOfCalls(ATTACHMENT_LOCK)];
  const earliest = time - nanoseconds(LONGEST_CALL_MILLISECONDS);
  return all.reduce((since, start) => (start < since && start > earliest ? start : since), time);
}
