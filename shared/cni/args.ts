/** CNI_ARGS: "KEY=value;KEY=value". Deprecated in favour of args and runtimeConfig, but runtimes still set it. */
import { CniError, ErrorCode, quote } from "./error.ts";

/** The keys that our plugins read. All plugins accept all of them: a runtime sets one CNI_ARGS for a chain. */
export interface CniArgs {
  /** IP: addresses to assign, comma-separated. */
  readonly ips: readonly string[];
  /** GATEWAY: gateways, comma-separated. */
  readonly gateways: readonly string[];
  /** MAC: the interface's hardware address. */
  readonly mac?: string;
}

function fail(message: string, advice: string): CniError {
  return new CniError(ErrorCode.invalidEnvironment, `CNI_ARGS: ${message}`, advice);
}

function readPairs(text: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of text.split(";").filter((part) => part !== "")) {
    const equals = pair.indexOf("=");
    if (equals < 1) {
      throw fail(`invalid pair ${quote(pair)}`, "write KEY=value pairs separated by semicolons");
    }
    pairs.set(pair.slice(0, equals).toUpperCase(), pair.slice(equals + 1));
  }
  return pairs;
}

const list = (value: string | undefined) => (value ?? "").split(",").filter((part) => part !== "");

/** Reads CNI_ARGS. Throws code 4 for a malformed pair, and for an unknown key unless IgnoreUnknown is set. */
export function readArgs(text: string): CniArgs {
  const pairs = readPairs(text);
  const ignoreUnknown = ["1", "true"].includes((pairs.get("IGNOREUNKNOWN") ?? "").toLowerCase());
  const known = ["IP", "GATEWAY", "MAC", "IGNOREUNKNOWN"];
  const unknown = [...pairs.keys()].filter((key) => !known.includes(key));
  if (unknown.length > 0 && !ignoreUnknown) {
    throw fail(`unknown args ${quote(unknown)}`, "remove them, or add IgnoreUnknown=1 to CNI_ARGS");
  }
  const mac = pairs.get("MAC");
  return {
    ips: list(pairs.get("IP")),
    gateways: list(pairs.get("GATEWAY")),
    ...(mac === undefined || mac === "" ? {} : { mac }),
  };
}
