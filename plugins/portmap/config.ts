/** The configuration of portmap: parsed, defaulted and validated before anything is changed. */
import { quote } from "../../shared/cni/error.ts";
import type { NetworkConfiguration } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { type Backend, readBackend } from "../../shared/filter/backend.ts";
import { type Conditions, DEFAULT_MARK_BIT, type HostPorts } from "../../shared/filter/record.ts";
import type { Family } from "../../shared/ip/address.ts";
import { type PortRequest, readPortRequests } from "./requests.ts";
import type { portmapKeys } from "./schema.ts";

type PortmapFields = Keyed<typeof portmapKeys>;

const HIGHEST_MARK_BIT = 31;

export interface PortmapConfig
  extends Pick<HostPorts, "snat" | "masqAll" | "markBit" | "externalSetMarkChain" | "conditions"> {
  /** Undefined: as the node offers. */
  readonly backend: Backend | undefined;
  readonly ports: readonly PortRequest[];
}

function readMarkBit(fields: PortmapFields): number {
  const bit = fields.integer("markMasqBit") ?? DEFAULT_MARK_BIT;
  if (bit >= 0 && bit <= HIGHEST_MARK_BIT) return bit;
  throw fields.invalid("markMasqBit", `is ${bit}`, `MasqMarkBit must be between 0 and ${HIGHEST_MARK_BIT}`);
}

/** A chain's name as iptables takes it: at most 28 characters, none of them white space. */
function readExternalChain(fields: PortmapFields, backend: Backend | undefined): string | undefined {
  const key = "externalSetMarkChain";
  const chain = fields.text(key) ?? "";
  if (chain === "") return undefined;
  if (fields.integer("markMasqBit") !== undefined) {
    const advice =
      "Cannot specify externalSetMarkChain and markMasqBit: the chain sets the mark, keep one of the two";
    throw fields.invalid(key, "cannot be set together with markMasqBit", advice);
  }
  if (backend === "nftables") {
    throw fields.invalid(
      key,
      "cannot be used with nftables",
      'set "backend" to "iptables", or remove the key',
    );
  }
  if (/^[^\s!"'\\-][^\s"'\\]{0,27}$/.test(chain)) return chain;
  throw fields.invalid(
    key,
    `is no name of a chain: ${quote(chain)}`,
    "give the name of a chain in the table nat",
  );
}

const keys = { 4: "conditionsV4", 6: "conditionsV6" } as const;

/** The raw words of a backend's matches. */
function readWords(fields: PortmapFields, key: (typeof keys)[Family]): readonly string[] {
  const words = fields.texts(key) ?? [];
  for (const word of words) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to refuse
    if (word !== "" && !/[\u0000-\u001f\u007f]/.test(word)) continue;
    const advice = 'each element is one word of the rule, such as "-d" or "192.0.2.0/24"';
    throw fields.invalid(
      key,
      `has a word that is empty or holds a control character: ${quote(word)}`,
      advice,
    );
  }
  return words;
}

/** The backend whose language the words are: decided by the first one, as in the reference plugin. Undefined without words. */
function languageOf([first]: readonly string[]): Backend | undefined {
  if (first === undefined) return undefined;
  return first.startsWith("-") || first.startsWith("!") ? "iptables" : "nftables";
}

/** A word that is only of the other backend's language. */
function foreignWord(words: readonly string[], language: Backend): string | undefined {
  const isForeign =
    language === "iptables"
      ? (word: string) => /^(saddr|daddr|iifname|oifname)$/.test(word)
      : (word: string) => /^--?[a-z]/.test(word);
  return words.find(isForeign);
}

/** The conditions of both families: in one language, and that of the backend where one is chosen. */
function readConditions(fields: PortmapFields, chosen: Backend | undefined): Conditions {
  const conditions = { 4: readWords(fields, keys[4]), 6: readWords(fields, keys[6]) };
  // What the chosen backend, or else the first key, speaks is what the rest has to speak.
  const wanted = chosen ?? languageOf(conditions[4]) ?? languageOf(conditions[6]);
  for (const family of [4, 6] as const) {
    const language = languageOf(conditions[family]);
    if (language === undefined || wanted === undefined) continue;
    if (language !== wanted) {
      const other = chosen === undefined ? `${keys[4]} for ${wanted}` : `the backend is ${wanted}`;
      const advice = `write both conditions for ${wanted}, or both for ${language} and set "backend" to "${language}"`;
      throw fields.invalid(keys[family], `is written for ${language}, and ${other}`, advice);
    }
    const foreign = foreignWord(conditions[family], language);
    if (foreign === undefined) continue;
    const problem = `begins as conditions for ${language} do, but has a word of the other backend: ${quote(foreign)}`;
    throw fields.invalid(keys[family], problem, "write all of it for one backend");
  }
  return conditions;
}

/** Reads the configuration. Throws codes 6 and 7. */
export function readPortmapConfig({ fields, runtimeConfig }: NetworkConfiguration): PortmapConfig {
  const backend = readBackend(fields, "backend");
  const described: PortmapFields = fields;
  const externalSetMarkChain = readExternalChain(described, backend);
  return {
    backend,
    snat: described.boolean("snat") ?? true,
    masqAll: described.boolean("masqAll") ?? false,
    markBit: readMarkBit(described),
    ...(externalSetMarkChain === undefined ? {} : { externalSetMarkChain }),
    // The chain is one of iptables.
    conditions: readConditions(
      described,
      backend ?? (externalSetMarkChain === undefined ? undefined : "iptables"),
    ),
    ports: readPortRequests(runtimeConfig),
  };
}

/** The backend the words of the configuration ask for; undefined if they leave it open. */
export function backendOf({ backend, conditions, externalSetMarkChain }: PortmapConfig): Backend | undefined {
  if (backend !== undefined) return backend;
  if (externalSetMarkChain !== undefined) return "iptables";
  return languageOf(conditions[4]) ?? languageOf(conditions[6]);
}
