/** The arguments of `dhcp daemon`: those of the reference plugin, in the forms of Go's flags. */
import { DEFAULT_SOCKET } from "../configuration.ts";

export interface DaemonOptions {
  readonly pidFile: string;
  /** Before the paths of the socket and of namespaces: the host's root in a container. */
  readonly hostPrefix: string;
  readonly socketPath: string;
  /** Asks servers to answer by broadcast. */
  readonly broadcast: boolean;
  /** Milliseconds: how long one exchange with a server may take, the longest pause between two requests, and the end of all. */
  readonly timeout: number;
  readonly resendMax: number;
  readonly resendTimeout: number;
}

const flags = {
  pidfile: "text",
  hostprefix: "text",
  socketpath: "text",
  broadcast: "switch",
  timeout: "duration",
  resendmax: "duration",
  resendtimeout: "duration",
} as const;

type Flag = keyof typeof flags;

export const usage = `Usage: dhcp daemon [flags]
  -broadcast              ask servers to answer by broadcast
  -hostprefix PATH        the host's root, before the paths of the socket and of network namespaces
  -pidfile PATH           write the process id there
  -resendmax DURATION     the longest pause between two requests (default 62s)
  -resendtimeout DURATION how long to look for a server (default 208s)
  -socketpath PATH        where to listen (default ${DEFAULT_SOCKET})
  -timeout DURATION       how long to wait for a server's answer to one request, with its repetitions (default 10s)
`;

/** Arguments that are wrong; the message says why. */
export class BadArguments extends Error {}

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration as in Go, in milliseconds: "10s", "1m30s", "500ms"; undefined for any other text. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, count, unit = ""] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    sum += Number(count) * (units[unit] ?? 0);
  return sum;
}

const truths = ["1", "t", "T", "true", "TRUE", "True"];
const falsehoods = ["0", "f", "F", "false", "FALSE", "False"];

/** The flags and their values as texts. */
function readFlags(words: readonly string[]): Map<Flag, string> {
  const given = new Map<Flag, string>();
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const [, name = "", value] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (!Object.hasOwn(flags, name))
      throw new BadArguments(`${JSON.stringify(word)} is no flag of the daemon`);
    const flag = name as Flag;
    if (value !== undefined) given.set(flag, value);
    else if (flags[flag] === "switch") given.set(flag, "true");
    else {
      at++;
      const next = words[at];
      if (next === undefined) throw new BadArguments(`-${flag} needs a value`);
      given.set(flag, next);
    }
  }
  return given;
}

/** Throws BadArguments. */
export function readDaemonOptions(words: readonly string[]): DaemonOptions {
  const given = readFlags(words);
  const duration = (flag: Flag, standard: number) => {
    const text = given.get(flag);
    const value = text === undefined ? standard : parseDuration(text);
    if (value === undefined || value <= 0)
      throw new BadArguments(`-${flag} is ${text}: write a duration such as 10s`);
    return value;
  };
  const path = (flag: Flag, standard: string) => {
    const text = given.get(flag) ?? "";
    if (text === "") return standard;
    if (!text.startsWith("/")) throw new BadArguments(`-${flag} is ${text}: write an absolute path`);
    return text;
  };
  const broadcast = given.get("broadcast") ?? "false";
  if (![...truths, ...falsehoods].includes(broadcast))
    throw new BadArguments(`-broadcast is ${broadcast}: write true or false`);
  return {
    pidFile: path("pidfile", ""),
    hostPrefix: path("hostprefix", "").replace(/\/+$/, ""),
    socketPath: path("socketpath", DEFAULT_SOCKET),
    broadcast: truths.includes(broadcast),
    timeout: duration("timeout", 10_000),
    resendMax: duration("resendmax", 62_000),
    resendTimeout: duration("resendtimeout", 208_000),
  };
}
