/** The rules for container IDs, network names and interface names. */
import { encodeText } from "../system/text.ts";

/** Specification, "Parameters": CNI_CONTAINERID. Network names follow the same rule. */
export const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** Returns the problem of a container ID or a network name, or undefined. */
export function nameProblem(value: string): string | undefined {
  if (namePattern.test(value)) return undefined;
  return "it must start with a letter or digit and contain only letters, digits, '_', '.' and '-'";
}

/** The kernel's isspace() reads Latin-1, in which this byte is white space, too. */
const NO_BREAK_SPACE = 0xa0;
const forbidden = [0x2f, 0x3a, 0x25, 0x7f, NO_BREAK_SPACE];

/**
 * Returns the problem of an interface name, or undefined. The kernel accepts (net/core/dev.c, dev_valid_name) up to 15
 * bytes, but not "." or "..", '/', ':' or white space. It replaces a pattern with '%' by another name, so '%' is
 * refused here, as are control characters.
 */
export function interfaceNameProblem(value: string): string | undefined {
  const bytes = encodeText(value);
  if (bytes.length > 15) return "an interface name has at most 15 bytes";
  // /proc/sys/net has folders "all" and "default" beside those of interfaces.
  if ([".", "..", "all", "default"].includes(value)) return `an interface cannot be called ${value}`;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte > 0x20 && !forbidden.includes(byte)) continue;
    return "an interface name contains no '/', ':', '%', white space or control character (and no byte A0)";
  }
  return undefined;
}
