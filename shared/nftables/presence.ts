/** Whether nf_tables is in the kernel, found out without bringing it there. */

import { readTextIfPresent } from "../system/file.ts";
import { fileExists } from "../system/file-status.ts";

/**
 * False: asking would make the kernel start modprobe, for every single message if the module is not installed. What
 * is not loaded holds nothing, so the answer is known.
 */
export function isNftablesLoaded(): boolean {
  if (fileExists("/sys/module/nf_tables")) return true;
  // A kernel without modules has it built in or not at all; asking starts nothing.
  if (!fileExists("/proc/modules")) return true;
  const release = readTextIfPresent("/proc/sys/kernel/osrelease")?.trim();
  const builtIn = readTextIfPresent(`/lib/modules/${release}/modules.builtin`);
  return builtIn === undefined || builtIn.includes("/nf_tables.ko");
}
