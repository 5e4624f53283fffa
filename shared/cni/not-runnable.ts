/** A program that the kernel does not start. */
import { describeErrno, Errno } from "../system/errno.ts";
import { SystemError } from "../system/libc.ts";
import { CniError, ErrorCode } from "./error.ts";

const causes: Readonly<Record<number, string>> = {
  [Errno.EACCES]:
    "make it executable (chmod +x); its file system may also be mounted noexec, or SELinux or AppArmor forbid it",
  [Errno.ENOENT]:
    "the program that it needs is missing: the interpreter in its first line, or the dynamic loader",
  [Errno.ENOEXEC]: "is it a program, and for this machine's processor? Install it again",
  [Errno.ETXTBSY]: "another program is writing to it: try again when it is installed",
};

/** Runs the work that starts the program `what`, such as "the plugin PATH". Throws code 5 if the kernel does not start it. */
export function started<Value>(what: string, work: () => Value): Value {
  try {
    return work();
  } catch (thrown) {
    const cause = thrown instanceof SystemError ? causes[thrown.errno] : undefined;
    if (!(thrown instanceof SystemError) || cause === undefined) throw thrown;
    throw new CniError(ErrorCode.io, `${what} cannot be run: ${describeErrno(thrown.errno)}`, cause, thrown);
  }
}
