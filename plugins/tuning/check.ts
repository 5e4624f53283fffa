/** CHECK: the sysctls and the settings are as ADD made them. */
import { requireChainedLink } from "../../shared/attachment/chained-link.ts";
import { drift } from "../../shared/attachment/check.ts";
import { type Container, openContainer } from "../../shared/cni/container.ts";
import { runAll } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { Errno } from "../../shared/system/errno.ts";
import { SystemError } from "../../shared/system/libc.ts";
import { readSysctl } from "../../shared/system/sysctl.ts";
import { readTuning, type Settings } from "./config.ts";
import { currentSettings, differences } from "./link.ts";
import type { WantedSysctl } from "./sysctl-keys.ts";

/** The kernel separates the numbers of a value by tabs. */
const normalized = (value: string) => value.trim().split(/\s+/).join(" ");

/** The value as the container has it; `wanted` for a sysctl that can only be written, such as net.ipv4.route.flush. */
function currentValue(key: string, wanted: string): string | undefined {
  try {
    return readSysctl(key);
  } catch (thrown) {
    if (thrown instanceof SystemError && thrown.errno === Errno.EACCES) return wanted;
    throw thrown;
  }
}

function checkSysctl({ namespace }: Container, { name, key, value }: WantedSysctl): void {
  const found = namespace.run(() => currentValue(key, value));
  if (found !== undefined && normalized(found) === normalized(value)) return;
  const is = found === undefined ? "is missing" : `is ${normalized(found)}, expected ${normalized(value)}`;
  throw drift(`the sysctl ${name} ${is} in ${namespace.path}`, "something in the container changed it");
}

function checkSettings(container: Container, ifname: string, settings: Settings): void {
  if (Object.keys(settings).length === 0) return;
  const link = requireChainedLink(container, ifname, "tuning");
  const current = currentSettings(link, settings);
  const wrong = differences(link, settings).map(
    (key) => `${key} is ${current[key]}, expected ${settings[key]}`,
  );
  if (wrong.length > 0)
    throw drift(`the interface ${ifname}: ${wrong.join("; ")}`, "something in the container changed it");
}

export function check(request: Request): void {
  requirePrevResult(request);
  const { sysctls, settings } = readTuning(request);
  const container = openContainer(request);
  try {
    runAll([
      ...sysctls.map((wanted) => () => checkSysctl(container, wanted)),
      () => checkSettings(container, request.ifname, settings),
    ]);
  } finally {
    container.close();
  }
}
