/** A closed pipe at standard output, as in `podwire list | head -1`. */
import { Errno } from "../shared/system/errno.ts";
import { SystemError } from "../shared/system/libc.ts";

/** True if a write failed because the reader closed the pipe. */
export const isBrokenPipe = (thrown: unknown): boolean =>
  thrown instanceof SystemError && thrown.errno === Errno.EPIPE;
