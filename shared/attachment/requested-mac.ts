/** The hardware address that a container asks for. */
import { readArgs } from "../cni/args.ts";
import { CniError, ErrorCode, quote } from "../cni/error.ts";
import type { Request } from "../cni/plugin.ts";
import { formatMac, parseMac } from "../netlink/link.ts";

/** Throws code 7 for group addresses (lowest bit of the first byte) and for all zeros. */
function checkMac(text: string, source: string): Uint8Array {
  const mac = parseMac(text);
  if (mac !== undefined && ((mac[0] ?? 0) & 1) === 0 && formatMac(mac) !== "00:00:00:00:00:00") return mac;
  const advice = "give six bytes of a unicast address, such as 0a:58:0a:01:00:02";
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `${source} is not a MAC address: ${quote(text)}`,
    advice,
  );
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
