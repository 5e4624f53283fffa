/** Whoever reads our output has seen enough: `podwire list | head -1`. */
import { Errno } from "../shared/system/errno.ts";
import { SystemError } from "../shared/system/libc.ts";

/** Whether that is what writing failed by. */
export const isReaderGone = (thrown: unknown): boolean =>
  thrown instanceof SystemError && thrown.errno === Errno.EPIPE;
