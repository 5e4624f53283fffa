/** The network configuration on standard input: what is common to all plugins. */
import { readStandardInput } from "../system/stdio.ts";
import { decodeText } from "../system/text.ts";
import { type ListPlace, parseDeferring } from "./deferred-list.ts";
import { CniError, ErrorCode, isStackOverflow, quote } from "./error.ts";
import { Fields, isObject, type JsonObject } from "./fields.ts";
import { namePattern } from "./names.ts";
import type { Command, NetworkConfiguration } from "./plugin.ts";
import type { Result } from "./result.ts";
import { readDns, readResult } from "./result-input.ts";
import { type CniVersion, isAtLeast, readVersion } from "./version.ts";

/** The version from which a configuration may be used with a verb. */
const verbSince: Partial<Record<Command, CniVersion>> = { CHECK: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" };

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (isStackOverflow(thrown)) throw nestedTooDeeply(ErrorCode.decode, thrown);
    throw thrown instanceof SyntaxError ? noJson(text, thrown) : thrown;
  }
}

/**
 * A configuration may have 4 MiB. That is four times what Kubernetes takes for an object, and room for 30,000 peers of an overlay or for
 * 40,000 attachments to keep. More is a mistake, and found to be one before it is parsed, which may take seconds and all memory.
 */
const MOST_BYTES = 4 << 20;

/** Standard input as it comes. Throws code 6 if there is more than any configuration has; the rest stays unread. */
export function readInput(): Uint8Array {
  const input = readStandardInput(MOST_BYTES);
  if (input.length <= MOST_BYTES) return input;
  throw new CniError(
    ErrorCode.decode,
    `the network configuration on standard input has more than ${MOST_BYTES} bytes`,
    "look for a list that grows with every change; what no one network can hold, several can",
  );
}

/** Parses standard input. Throws code 6 if it is not a JSON object; a list that is deferred does when it is read. */
export function parseInput(input: Uint8Array, deferred?: ListPlace): JsonObject {
  const text = decodeText(input);
  const value = parseDeferring(text, deferred, parseJson);
  if (isObject(value)) return value;
  throw new CniError(
    ErrorCode.decode,
    "the network configuration must be a JSON object",
    `it is ${text.slice(0, 60)}`,
  );
}

function noJson(text: string, thrown: JsonError): CniError {
  const message = "the network configuration on standard input is not JSON";
  const advice = "the runtime must pass the plugin's configuration as one JSON object";
  const reason = text.trim() === "" ? "it is empty" : jsonFault(thrown);
  return new CniError(ErrorCode.decode, message, `${reason}: ${advice}`, thrown);
}

/** The engine says where in the text it found the fault; lines and columns count from 1. */
interface JsonError extends SyntaxError {
  readonly lineNumber?: number;
  readonly columnNumber?: number;
}

const jsonFault = ({ message, lineNumber, columnNumber }: JsonError): string =>
  lineNumber === undefined ? message : `${message} at line ${lineNumber}, column ${columnNumber}`;

function nestedTooDeeply(code: number, thrown: unknown): CniError {
  const message = "the network configuration is nested too deeply";
  return new CniError(
    code,
    message,
    "take out the key that holds so many brackets, or raise the limit of the stack (ulimit -s)",
    thrown,
  );
}

/**
 * A configuration, or a part of it, as JSON. Throws code 7 for what can be read but not written: each level takes some of the
 * stack, and writing takes more of it.
 */
export function configurationText(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (thrown) {
    throw isStackOverflow(thrown) ? nestedTooDeeply(ErrorCode.invalidConfiguration, thrown) : thrown;
  }
}

function readName(fields: Fields): string {
  const name = fields.text("name") ?? "";
  if (name === "") {
    const advice = "every network configuration needs a name";
    throw new CniError(ErrorCode.invalidConfiguration, "missing network name", advice);
  }
  if (namePattern.test(name)) return name;
  const advice = "it must start with a letter or digit and hold only letters, digits, '_', '.' and '-'";
  throw fields.invalid("name", `holds invalid characters: ${quote(name)}`, advice);
}

function checkVerb(command: Command, version: CniVersion): void {
  const since = verbSince[command];
  if (since === undefined || isAtLeast(version, since)) return;
  throw new CniError(
    ErrorCode.incompatibleVersion,
    `config version does not allow ${command}`,
    `cniVersion is ${version}, ${command} needs ${since} or newer`,
  );
}

/** An entry that names nothing would keep nothing: GC would remove what is alive. */
function readAttachments(fields: Fields): NetworkConfiguration["validAttachments"] {
  return fields.objects("cni.dev/valid-attachments")?.map((item) => {
    const containerId = item.text("containerID") ?? "";
    const ifname = item.text("ifname") ?? "";
    if (containerId !== "" && ifname !== "") return { containerId, ifname };
    const key = containerId === "" ? "containerID" : "ifname";
    throw item.invalid(key, "is missing", "every attachment to keep needs its containerID and its ifname");
  });
}

const noFields = new Fields({});

/** Reads the common part of a configuration. Throws codes 1, 6 and 7. */
export function readConfiguration(raw: JsonObject, command: Command): NetworkConfiguration {
  const fields = new Fields(raw);
  const cniVersion = readVersion(fields.text("cniVersion"));
  checkVerb(command, cniVersion);
  const prevResult = readPrevious(fields, cniVersion, command);
  const validAttachments = command === "GC" ? readAttachments(fields) : undefined;
  return {
    cniVersion,
    name: readName(fields),
    type: fields.text("type") ?? "",
    fields,
    raw,
    runtimeConfig: fields.object("runtimeConfig") ?? noFields,
    cniArgs: fields.object("args")?.object("cni") ?? noFields,
    ipamType: fields.object("ipam")?.text("type") ?? "",
    dns: readDns(fields.object("dns")),
    ...(prevResult === undefined ? {} : { prevResult }),
    ...(validAttachments === undefined ? {} : { validAttachments }),
  };
}

/** DEL must work with whatever prevResult the runtime still has, so there a broken one counts as none. */
function readPrevious(fields: Fields, version: CniVersion, command: Command): Result | undefined {
  try {
    const present = fields.object("prevResult") && fields.value("prevResult");
    return isObject(present) ? readResult(present, version, "prevResult") : undefined;
  } catch (thrown) {
    if (command === "DEL") return undefined;
    throw thrown;
  }
}
