/** The sysctls that are asked for: their files, and whether the administrator allows them. */
import { CniError, ErrorCode, enumerate, quote } from "../../shared/cni/error.ts";
import type { Fields } from "../../shared/cni/fields.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { readTextIfPresent } from "../../shared/system/file.ts";
import { decodeText } from "../../shared/system/text.ts";
import { duplicateKey } from "./duplicate-key.ts";

/** The administrator's list of sysctls that networks may set: a regular expression on each line, as with the reference plugin. */
export const ALLOW_LIST = "/etc/cni/tuning/allowlist.conf";

export interface WantedSysctl {
  /** As configured: "net.ipv4.conf.IFNAME.arp_filter". */
  readonly name: string;
  /** The file below /proc/sys/net: "ipv4/conf/eth0/arp_filter". */
  readonly key: string;
  readonly value: string;
}

/**
 * The file of a sysctl. As in sysctl(8), the first separator decides: after a slash, dots belong to names, such as that of the interface
 * eth0.100. Only files below net are the namespace's own; a path that leads elsewhere would change the host.
 */
function fileOf(name: string, ifname: string): string | undefined {
  const isDotted = /^[^./]*\./.test(name);
  const path = (isDotted ? name.replaceAll(".", "/") : name).replace("IFNAME", () =>
    ifname === "" ? "eth0" : ifname,
  );
  const [first, ...parts] = path.split("/");
  const isSafe =
    parts.length > 0 && parts.every((part) => !["", ".", ".."].includes(part) && !part.includes("\0"));
  return first === "net" && isSafe ? parts.join("/") : undefined;
}

function invalidKey(fields: Fields, name: string): CniError {
  const advice = `a network sets sysctls of its container below net, such as "net.core.somaxconn"`;
  return fields.invalid("sysctl", `invalid net sysctl key: ${quote(name)}`, advice);
}

/** The expressions of the list; undefined without a file, which allows everything. Throws code 7 for an invalid one. */
function allowList(): readonly RegExp[] | undefined {
  const lines = readTextIfPresent(ALLOW_LIST)?.split("\n");
  return lines
    ?.map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => {
      try {
        return new RegExp(line);
      } catch (thrown) {
        const message = `${ALLOW_LIST} has a line that is not a regular expression: ${quote(line)}`;
        throw new CniError(ErrorCode.invalidConfiguration, message, "correct or remove the line", thrown);
      }
    });
}

function checkAllowed(wanted: readonly WantedSysctl[]): void {
  const allowed = wanted.length === 0 ? undefined : allowList();
  const refused =
    allowed === undefined ? undefined : wanted.find(({ name }) => !allowed.some((each) => each.test(name)));
  if (allowed === undefined || refused === undefined) return;
  const list = enumerate(
    allowed.map(({ source }) => source),
    " ",
  );
  const message = `Sysctl ${refused.name} is not allowed. Only the following sysctls are allowed: [${list}]`;
  throw new CniError(ErrorCode.invalidConfiguration, message, `the administrator's list is ${ALLOW_LIST}`);
}

/** JSON.parse keeps the last of two equal keys; which one is meant is not known. */
function checkDuplicates({ configuration, input }: Request): void {
  if (configuration.fields.value("sysctl") === undefined) return;
  const duplicate = duplicateKey(decodeText(input), "sysctl");
  if (duplicate === undefined) return;
  const problem = `has ${quote(duplicate)} twice: duplicated sysctl keys are not allowed`;
  throw configuration.fields.invalid("sysctl", problem, "remove one of them");
}

function invalidValue(fields: Fields, name: string): CniError {
  return fields.invalid(
    `sysctl.${name}`,
    "has more than one line",
    "the kernel reads the first one only: remove the others",
  );
}

/** The sysctls of one section, by their files: "net.core.somaxconn" and "net/core/somaxconn" are one. */
function sectionOf(fields: Fields, ifname: string): Map<string, WantedSysctl> {
  const section = fields.object("sysctl");
  const wanted = new Map<string, WantedSysctl>();
  for (const name of Object.keys((fields.value("sysctl") ?? {}) as object)) {
    const value = (section?.text(name) ?? "").replace(/\n$/, "");
    const key = fileOf(name, ifname);
    if (key === undefined) throw invalidKey(fields, name);
    if (value.includes("\n")) throw invalidValue(fields, name);
    const same = wanted.get(key)?.name;
    if (same !== undefined) {
      const problem = `has ${quote(same)} and ${quote(name)}, which are the same`;
      throw fields.invalid("sysctl", problem, "remove one of them");
    }
    wanted.set(key, { name, key, value });
  }
  return wanted;
}

/** The wanted sysctls in the configuration's order; those of args.cni replace those of the same file. Throws codes 6 and 7. */
export function readSysctls(request: Request): WantedSysctl[] {
  const { fields, cniArgs } = request.configuration;
  checkDuplicates(request);
  const sections = [fields, cniArgs].map((each) => sectionOf(each, request.ifname));
  const wanted = [...new Map(sections.flatMap((section) => [...section])).values()];
  checkAllowed(wanted);
  return wanted;
}
