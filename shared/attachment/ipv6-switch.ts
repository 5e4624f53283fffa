/** IPv6 of an interface, which the node or the image may have switched off by default (net.ipv6.conf.default.disable_ipv6). */
import { CniError, ErrorCode, messageOf } from "../cni/error.ts";
import { hasSysctl, readSysctl, setSysctl } from "../system/sysctl.ts";

const keyOf = (name: string) => `ipv6/conf/${name}/disable_ipv6`;

/** Whether IPv6 is there, and switched off on the interface of this thread's namespace. */
export const isIpv6Off = (name: string): boolean => readSysctl(keyOf(name)) === "1";

/**
 * Switches IPv6 on for an interface of this thread's namespace. Writes nothing if it is on: a write takes the kernel's lock of all
 * interfaces (rtnl). Throws code 5 with the sysctl to set, or 999 if the kernel has no IPv6.
 */
export function switchOnIpv6(name: string): void {
  const key = keyOf(name);
  const value = readSysctl(key);
  if (value === "0") return;
  if (value === undefined && !hasSysctl("ipv6")) {
    const advice = "boot it without ipv6.disable=1, or take the IPv6 range out of the network";
    const problem = "the kernel has no IPv6, and the network has IPv6 addresses";
    throw new CniError(ErrorCode.internal, problem, advice);
  }
  try {
    setSysctl(key, "0");
  } catch (thrown) {
    const advice = `run: sysctl -w net.${key.replaceAll("/", ".")}=0, or take the IPv6 range out of the network (${messageOf(thrown)})`;
    throw new CniError(ErrorCode.io, `could not switch on IPv6 on ${name}`, advice, thrown);
  }
}
