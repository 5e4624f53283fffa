/** System errors with advice. */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { SystemError } from "../../shared/system/libc.ts";

/** Runs `work`. A failed system call becomes an error with code 5 and the advice. */
export function withAdvice<Value>(advice: string, work: () => Value): Value {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof SystemError)) throw thrown;
    throw new CniError(ErrorCode.io, thrown.message, advice, thrown);
  }
}

/** The advice if a reservation cannot be read or removed. */
export const storeAdvice = (dataDir: string) =>
  `"ipam.dataDir" is ${dataDir}: check that it is the same folder as at ADD, and writable`;
