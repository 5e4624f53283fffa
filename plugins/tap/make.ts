/** The tap device, made in the container. */
import type { Container } from "../../shared/cni/container.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { Errno } from "../../shared/system/errno.ts";
import { hasSelinux, withExecLabel } from "../../shared/system/exec-label.ts";
import { closeFile } from "../../shared/system/file.ts";
import { SystemError } from "../../shared/system/libc.ts";
import { findExecutable, programFolders, runProcess } from "../../shared/system/process.ts";
import { makeTap, openTun, TUN_FILE } from "../../shared/system/tap.ts";
import { decodeText } from "../../shared/system/text.ts";
import type { TapConfig } from "./config.ts";

const unavailable = (message: string, advice: string, cause?: unknown) =>
  new CniError(ErrorCode.notAvailable, message, advice, cause);

/** Why the file is missing, or does not open. */
function refusedFile(thrown: unknown): unknown {
  if (!(thrown instanceof SystemError)) return thrown;
  const isMissing = [Errno.ENOENT, Errno.ENODEV, Errno.ENXIO].includes(thrown.errno as never);
  const isDenied = [Errno.EACCES, Errno.EPERM].includes(thrown.errno as never);
  if (isMissing) {
    const advice = `modprobe tun loads the module; without udev: mknod ${TUN_FILE} c 10 200`;
    return unavailable(`this node has no tap devices: ${thrown.message}`, advice, thrown);
  }
  if (!isDenied) return thrown;
  const advice = "run podwire as root of the node; in a container, allow it the device 10:200";
  return unavailable(`this node gives no tap devices: ${thrown.message}`, advice, thrown);
}

function openHere(): number {
  try {
    return openTun();
  } catch (thrown) {
    throw refusedFile(thrown);
  }
}

/** Throws code 50 if the node has no tap devices, or not with a context. */
export function checkTaps({ selinuxContext }: TapConfig, request: Request): void {
  closeFile(openHere());
  if (selinuxContext !== "") findTool(request);
}

/** ip(8), for a node with SELinux. */
function findTool({ environment }: Request): string {
  if (!hasSelinux()) {
    const advice = `remove "selinuxContext", or mount the file system of SELinux at /sys/fs/selinux`;
    throw unavailable("this node has no SELinux, so a tap device has no context there", advice);
  }
  const path = findExecutable("ip", programFolders(environment));
  if (path !== undefined) return path;
  throw unavailable(`ip is missing, which "selinuxContext" needs`, "install iproute2 on the node");
}

const LIMIT_MILLISECONDS = 10_000;

/** The kernel gives a device the context of the process that makes it (security/selinux/hooks.c, selinux_tun_dev_create): so another one does. */
function makeWithContext(container: Container, name: string, config: TapConfig, request: Request): void {
  const { multiQueue, owner, group, selinuxContext } = config;
  const path = findTool(request);
  const words = ["tuntap", "add", "mode", "tap", "name", name];
  if (multiQueue) words.push("multi_queue");
  if (owner !== undefined) words.push("user", String(owner));
  if (group !== undefined) words.push("group", String(group));
  const options = { arguments: words, environment: {}, timeoutMilliseconds: LIMIT_MILLISECONDS };
  try {
    const start = () => runProcess(path, options);
    const { exitCode, stderr } = container.namespace.run(() => withExecLabel(selinuxContext, start));
    if (exitCode === 0) return;
    const message = `ip ${words.join(" ")} failed: ${decodeText(stderr).trim()}`;
    throw new CniError(ErrorCode.internal, message, "see the audit log of SELinux: ausearch -m avc");
  } catch (thrown) {
    if (!(thrown instanceof SystemError) || thrown.errno !== Errno.EINVAL) throw thrown;
    const message = `"selinuxContext" ${selinuxContext} is unknown to the policy of the node`;
    throw new CniError(ErrorCode.invalidConfiguration, message, "give one that chcon(1) takes", thrown);
  }
}

/** Makes the device under the name. */
export function makeDevice(container: Container, name: string, config: TapConfig, request: Request): void {
  if (config.selinuxContext !== "") makeWithContext(container, name, config, request);
  else makeTap(container.namespace.run(openHere), { name, ...config });
}
