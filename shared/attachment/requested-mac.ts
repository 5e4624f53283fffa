/** Hardware addresses in configurations, and the one that a container asks for. */
import { readArgs } from "../cni/args.ts";
import { CniError, ErrorCode, quote } from "../cni/error.ts";
import type { Fields } from "../cni/fields.ts";
import type { Request } from "../cni/plugin.ts";
import { formatMac, parseMac } from "../netlink/link.ts";

const advice = "give six bytes of a unicast address, such as 0a:58:0a:01:00:02";

/** Undefined for other texts, for group addresses (lowest bit of the first byte) and for all zeros. */
export function parseUnicastMac(text: string): Uint8Array | undefined {
  const mac = parseMac(text);
  const isUnicast = mac !== undefined && ((mac[0] ?? 0) & 1) === 0 && mac.some((byte) => byte !== 0);
  return isUnicast ? mac : undefined;
}

/** Reads the unicast MAC address of a key, in lower case. Throws code 7. */
export function readMac(fields: Fields, key: string, text: string): string {
  const mac = parseUnicastMac(text);
  if (mac === undefined) throw fields.invalid(key, `is not a MAC address: ${quote(text)}`, advice);
  return formatMac(mac);
}

function checkMac(text: string, source: string): Uint8Array {
  const mac = parseUnicastMac(text);
  if (mac !== undefined) return mac;
  const message = `${source} is not a MAC address: ${quote(text)}`;
  throw new CniError(ErrorCode.invalidConfiguration, message, advice);
}

/**
 * As with the reference plugins, runtimeConfig.mac wins over args.cni.mac, that over MAC in CNI_ARGS, and that over the configured one. Throws
 * code 7.
 */
export function readRequestedMac(request: Request, configured = ""): Uint8Array | undefined {
  const { runtimeConfig, cniArgs } = request.configuration;
  const candidates: [string | undefined, string][] = [
    [runtimeConfig.text("mac"), "runtimeConfig.mac"],
    [cniArgs.text("mac"), "args.cni.mac"],
    [readArgs(request.args).mac, "MAC in CNI_ARGS"],
    [configured, "mac"],
  ];
  for (const [text, source] of candidates)
    if (text !== undefined && text !== "") return checkMac(text, source);
  return undefined;
}
