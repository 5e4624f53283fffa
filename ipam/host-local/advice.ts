/** System errors with advice. */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { SystemError } from "../../shared/system/libc.ts";

/** Runs `work`. A failed system call becomes an error with code 5 and the advice, unless the cause lies elsewhere. */
export function withAdvice<Value>(advice: string, work: () => Value): Value {
  try {
    return work();
  } catch (thrown) {
    // Of a passing error, such as no free descriptor, the folder is not the cause.
    if (!(thrown instanceof SystemError) || thrown.kind === "passing") throw thrown;
    const details = thrown.advice === "" ? advice : `${advice}; ${thrown.advice}`;
    throw new CniError(ErrorCode.io, thrown.message, details, thrown);
  }
}

/** The advice if a reservation cannot be read or removed. */
export const storeAdvice = (dataDir: string) =>
  `"ipam.dataDir" is ${dataDir}: check that it is the same folder as at ADD, and writable`;
