/**
 * The result that libcni has cached for an attachment (libcni/api.go, cachedInfo). Runtimes pass no prevResult to DEL before CNI 0.4.0.
 */
import { Errno } from "../system/errno.ts";
import { SystemError } from "../system/libc.ts";
import { readOwnFile } from "../system/own-file.ts";
import { isObject } from "./fields.ts";
import type { AttachmentKey } from "./plugin.ts";
import type { Result } from "./result.ts";
import { readResult } from "./result-input.ts";
import { latestVersion } from "./version.ts";

const FOLDER = "/var/lib/cni/results";

function readCache({ network, containerId, ifname }: AttachmentKey): string | undefined {
  try {
    return readOwnFile(`${FOLDER}/${network}-${containerId}-${ifname}`);
  } catch (thrown) {
    // libcni could not write a file of that name either.
    if (thrown instanceof SystemError && thrown.errno === Errno.ENAMETOOLONG) return undefined;
    throw thrown;
  }
}

/** The result of the attachment's ADD; undefined without one that can be understood. Throws SystemError if the file cannot be read. */
export function cachedResult(owner: AttachmentKey): Result | undefined {
  const text = readCache(owner);
  if (text === undefined) return undefined;
  try {
    const entry: unknown = JSON.parse(text);
    // The old format without "kind" is the result alone.
    const result = isObject(entry) && "kind" in entry ? entry["result"] : entry;
    return isObject(result) ? readResult(result, latestVersion, FOLDER) : undefined;
  } catch {
    return undefined;
  }
}
