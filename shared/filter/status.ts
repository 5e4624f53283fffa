/** STATUS of the packet filter. */
import { CniError, ErrorCode } from "../cni/error.ts";
import { namespaceName } from "../netlink/namespace-name.ts";
import { withNetfilter } from "../netlink/netfilter.ts";
import { checkLock } from "../system/lock-status.ts";
import { ownFolderProblem } from "../system/writable.ts";
import { prepareFilter, type Wanted } from "./choice.ts";
import { FILTER_FOLDER, filterLock } from "./record-folder.ts";

/** Throws if ADD could not record its rules, or the kernel would not take them. Changes nothing. */
export function checkFilterStatus(wanted: Wanted, environment: Readonly<Record<string, string>>): void {
  const problem = ownFolderProblem(FILTER_FOLDER);
  if (problem !== undefined) {
    throw new CniError(
      ErrorCode.notAvailable,
      `podwire cannot record what containers want of the packet filter: ${problem}`,
      "/run must be a file system that can be written, with free space: mount a tmpfs there",
    );
  }
  checkLock(withNetfilter((connection) => filterLock(namespaceName(connection), environment)));
  prepareFilter(wanted, environment);
}
