/** What a container ID, a network name and an interface name may look like. */
import { encodeText } from "../system/text.ts";

/** Specification, "Parameters": CNI_CONTAINERID; the network's name follows the same rule. */
export const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** Says what is wrong with a container ID, if anything. */
export function containerIdFault(value: string): string | undefined {
  if (namePattern.test(value)) return undefined;
  return "it must start with a letter or digit and hold only letters, digits, '_', '.' and '-'";
}

/** A byte that the kernel's isspace() counts as white space beside the ASCII ones: it reads Latin-1. */
const NO_BREAK_SPACE = 0xa0;
const forbidden = [0x2f, 0x3a, 0x25, 0x7f, NO_BREAK_SPACE];

/**
 * Says what is wrong with an interface name, if anything. What the kernel takes (net/core/dev.c,
 * dev_valid_name): up to 15 bytes, not "." or "..", no '/', ':' or white space. '%' it takes as a pattern and
 * makes another name of it, so it is refused here, as are control characters.
 */
export function interfaceNameFault(value: string): string | undefined {
  const bytes = encodeText(value);
  if (bytes.length > 15) return "an interface name has at most 15 bytes";
  // "all" and "default" are the kernel's own folders beside those of interfaces in /proc/sys/net.
  if ([".", "..", "all", "default"].includes(value)) return `an interface cannot be called ${value}`;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte > 0x20 && !forbidden.includes(byte)) continue;
    return "an interface name holds no '/', ':', '%', white space or control character (and no byte A0)";
  }
  return undefined;
}
