/** ADD: sets sysctls and settings; the result is the previous one with the new MAC address and MTU. */
import { requireChainedLink } from "../../shared/attachment/chained-link.ts";
import { type Container, openContainer } from "../../shared/cni/container.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result, ResultInterface } from "../../shared/cni/result.ts";
import { Rollback } from "../../shared/rollback.ts";
import { Errno } from "../../shared/system/errno.ts";
import { SystemError } from "../../shared/system/libc.ts";
import { readSysctl, setSysctl, trySysctl } from "../../shared/system/sysctl.ts";
import { writeBackup } from "./backup.ts";
import { readTuning, type Settings, type Tuning } from "./config.ts";
import { applySettings, currentSettings } from "./link.ts";
import type { WantedSysctl } from "./sysctl-keys.ts";

const causes: Readonly<Record<number, string>> = {
  [Errno.ENOENT]: "the kernel lacks it, or it is the whole node's and not the container's: remove it",
  [Errno.EINVAL]: "the kernel does not take this value",
  [Errno.EROFS]: "/proc/sys is mounted read-only: the plugin must run where it can be written",
  [Errno.EISDIR]: "it is a folder of sysctls: name one of them",
};

/** The value of a sysctl that may be read; writing some, such as route.flush, does something instead. */
function readIfAny(key: string): string | undefined {
  try {
    return readSysctl(key);
  } catch {
    return undefined;
  }
}

/** Sets one sysctl of the container; must run in its namespace. */
function set({ name, key, value }: WantedSysctl, { path }: Container["namespace"]): void {
  try {
    setSysctl(key, value);
  } catch (thrown) {
    if (!(thrown instanceof SystemError)) throw thrown;
    const message = `could not set the sysctl ${name} to ${JSON.stringify(value)} in ${path}`;
    throw new CniError(ErrorCode.internal, message, causes[thrown.errno] ?? thrown.message, thrown);
  }
}

function setAll({ namespace }: Container, sysctls: readonly WantedSysctl[], undo: Rollback): void {
  if (sysctls.length === 0) return;
  namespace.run(() => {
    for (const wanted of sysctls) {
      const former = readIfAny(wanted.key);
      if (former !== undefined) undo.onFailure(() => namespace.run(() => trySysctl(wanted.key, former)));
      set(wanted, namespace);
    }
  });
}

/** Keeps the former settings for DEL, then changes them. */
function applyAll(
  request: Request,
  container: Container,
  { settings, dataDir }: Tuning,
  undo: Rollback,
): void {
  if (Object.keys(settings).length === 0) return;
  const owner = attachmentOf(request);
  const link = requireChainedLink(container, request.ifname, "tuning");
  const former = currentSettings(link, settings);
  writeBackup(dataDir, owner, former, undo);
  undo.onFailure(() =>
    applySettings(container, requireChainedLink(container, request.ifname, "tuning"), former),
  );
  applySettings(container, link, settings);
}

/** The interface in the result, as it is now. */
function changed(reported: ResultInterface, { mac, mtu }: Settings): ResultInterface {
  const hasMtu = mtu !== undefined && reported.mtu !== undefined;
  return { ...reported, ...(mac === undefined ? {} : { mac }), ...(hasMtu ? { mtu } : {}) };
}

export function add(request: Request): Result {
  const result = requirePrevResult(request);
  const tuning = readTuning(request);
  const container = openContainer(request);
  const undo = new Rollback();
  try {
    setAll(container, tuning.sysctls, undo);
    applyAll(request, container, tuning, undo);
    undo.commit();
  } finally {
    undo.run();
    container.close();
  }
  const isTuned = ({ name, sandbox }: ResultInterface) => name === request.ifname && (sandbox ?? "") !== "";
  const interfaces = result.interfaces.map((each) => (isTuned(each) ? changed(each, tuning.settings) : each));
  return { ...result, interfaces };
}
