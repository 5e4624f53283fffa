/** IPv6 of an interface, which the node or the image may have switched off by default (net.ipv6.conf.default.disable_ipv6). */
import { CniError, causeOf, ErrorCode } from "../cni/error.ts";
import { hasSysctl, isSysctlWritable, readSysctl, setSysctl } from "../system/sysctl.ts";
import { SMALLEST_IPV6_MTU } from "./mtu.ts";

const keyOf = (name: string) => `ipv6/conf/${name}/disable_ipv6`;

/** Whether IPv6 is there, and switched off on the interface of this thread's namespace. */
export const isIpv6Off = (name: string): boolean => readSysctl(keyOf(name)) === "1";

/** The kernel has IPv6 on no interface with an MTU below 1280. host-local's networks with one are refused before (mtu.ts). */
function missingIpv6(name: string): CniError {
  if (!hasSysctl("ipv6")) {
    const advice = "boot it without ipv6.disable=1, or take the IPv6 range out of the network";
    const problem = "the kernel has no IPv6, and the network has IPv6 addresses";
    return new CniError(ErrorCode.internal, problem, advice);
  }
  const problem = `${name} can have no IPv6 address: its MTU is below ${SMALLEST_IPV6_MTU} (RFC 8200)`;
  const advice = `set "mtu" to ${SMALLEST_IPV6_MTU} or more, or have IPAM give no IPv6 addresses`;
  return new CniError(ErrorCode.invalidConfiguration, problem, advice);
}

/**
 * Switches IPv6 on for an interface of this thread's namespace. Writes nothing if it is on: a write takes the kernel's lock of all
 * interfaces (rtnl). Throws code 5 with the sysctl to set, or 999 if the kernel has no IPv6.
 */
export function switchOnIpv6(name: string): void {
  const key = keyOf(name);
  const value = readSysctl(key);
  if (value === "0") return;
  if (value === undefined) throw missingIpv6(name);
  try {
    setSysctl(key, "0");
  } catch (thrown) {
    const advice = `run: sysctl -w net.${key.replaceAll("/", ".")}=0, or take the IPv6 range out of the network (${causeOf(thrown)})`;
    throw new CniError(ErrorCode.io, `could not switch on IPv6 on ${name}`, advice, thrown);
  }
}

/**
 * STATUS: throws code 50 if switchOnIpv6 would fail for the node's interface of that name, which may be missing yet. Changes nothing.
 */
export function checkIpv6Switch(name: string): void {
  const key = readSysctl(keyOf(name)) === undefined ? keyOf("default") : keyOf(name);
  const value = readSysctl(key);
  if (value === undefined) throw missingIpv6(name);
  if (value === "0" || isSysctlWritable(key)) return;
  const advice = `run: sysctl -w net.${key.replaceAll("/", ".")}=0, or mount /proc/sys writable`;
  throw new CniError(
    ErrorCode.notAvailable,
    `IPv6 is off on ${name}, and podwire cannot switch it on`,
    advice,
  );
}
