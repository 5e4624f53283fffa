/** The SELinux context of the next program that this process starts (proc_pid_attr(5)). */
import { closeFile, OpenFlag, openFile, writeAll } from "./file.ts";
import { fileExists } from "./file-status.ts";

const LABEL = "/proc/thread-self/attr/exec";

/** Whether the kernel has SELinux, with a policy: its file system is mounted. */
export const hasSelinux = (): boolean => fileExists("/sys/fs/selinux/enforce");

function write(context: string): void {
  const descriptor = openFile(LABEL, OpenFlag.writeOnly);
  try {
    writeAll(descriptor, context, LABEL);
  } finally {
    closeFile(descriptor);
  }
}

/** Does the work, in which a program is started with that context. Throws SystemError (EINVAL) if the policy does not know it. */
export function withExecLabel<Value>(context: string, work: () => Value): Value {
  write(context);
  try {
    return work();
  } finally {
    // No context of its own. One that cannot be taken back would be the next program's, too.
    write("\0");
  }
}
