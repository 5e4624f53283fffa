/** DNS from the file that "resolvConf" names. */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Dns } from "../../shared/cni/result.ts";
import { readText } from "../../shared/system/file.ts";
import { describeKind, fileStatus } from "../../shared/system/file-status.ts";
import { withAdvice } from "./advice.ts";
import { parseResolvConf } from "./resolv-conf.ts";

/** Throws code 5 if the file cannot be read, 7 if it is no file: a named pipe has no end. */
export function readDnsFile(path: string): Dns {
  if (path === "") return {};
  const advice = `"ipam.resolvConf" names it: correct the path, or omit the key`;
  return withAdvice(advice, () => {
    const status = fileStatus(path);
    if (status === undefined || status.isFile) return parseResolvConf(readText(path));
    const problem = `${path} is ${describeKind(status)}, not a file in the form of resolv.conf(5)`;
    throw new CniError(ErrorCode.invalidConfiguration, problem, advice);
  });
}
