/** Reads the common part of the network configuration from standard input. */
import { readStandardInput } from "../system/stdio.ts";
import { decodeText } from "../system/text.ts";
import { type ListPath, parseDeferring } from "./deferred-list.ts";
import { CniError, ErrorCode, isStackOverflow, quote } from "./error.ts";
import { Fields, isObject, type JsonObject } from "./fields.ts";
import { nameProblem } from "./names.ts";
import type { Command, NetworkConfiguration } from "./plugin.ts";
import type { Result } from "./result.ts";
import { readDns, readResult } from "./result-input.ts";
import { type CniVersion, isAtLeast, readVersion } from "./version.ts";

/** The first version in which a verb exists. */
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
 * The limit of a configuration, 4 MiB: four times Kubernetes' limit for an object, and enough for 30,000 peers of an
 * overlay or 40,000 valid attachments. A larger input is an error before it is parsed: parsing it could take seconds
 * and all memory.
 */
const MOST_BYTES = 4 << 20;

/** Reads standard input. Throws code 6 above the limit and leaves the rest unread. */
export function readInput(): Uint8Array {
  const input = readStandardInput(MOST_BYTES);
  if (input.length <= MOST_BYTES) return input;
  throw new CniError(
    ErrorCode.decode,
    `the network configuration on standard input has more than ${MOST_BYTES} bytes`,
    "look for a list that grows without limit, or split the network",
  );
}

/** Parses standard input. Throws code 6 if it is not a JSON object. A deferred list throws when it is read. */
export function parseInput(input: Uint8Array, deferred?: ListPath): JsonObject {
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

/** The engine's error has line and column, both from 1. */
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
    "remove the key with so many brackets, or raise the stack limit (ulimit -s)",
    thrown,
  );
}

/**
 * A configuration, or a part of it, as JSON. Throws code 7 if it is nested too deeply: writing takes more stack per
 * level than reading.
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
  const problem = nameProblem(name);
  if (problem === undefined) return name;
  throw fields.invalid("name", `contains invalid characters: ${quote(name)}`, problem);
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

/** An entry without a container or interface is an error: ignoring it would let GC remove a living attachment. */
function readAttachments(fields: Fields): NetworkConfiguration["validAttachments"] {
  return fields.objects("cni.dev/valid-attachments")?.map((item) => {
    const containerId = item.text("containerID") ?? "";
    const ifname = item.text("ifname") ?? "";
    if (containerId !== "" && ifname !== "") return { containerId, ifname };
    const key = containerId === "" ? "containerID" : "ifname";
    throw item.invalid(key, "is missing", "every attachment to keep needs a containerID and an ifname");
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

/** DEL has to work with any prevResult, so a broken one counts as absent. */
function readPrevious(fields: Fields, version: CniVersion, command: Command): Result | undefined {
  try {
    const present = fields.object("prevResult") && fields.value("prevResult");
    return isObject(present) ? readResult(present, version, "prevResult") : undefined;
  } catch (thrown) {
    if (command === "DEL") return undefined;
    throw thrown;
  }
}
