/** A forwarding as it is kept on disk: JSON, with addresses as texts. Nothing here touches the disk. */
import type { NamespaceRecord } from "../../shared/attachment/namespace-record.ts";
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { formatIp, parseIp } from "../../shared/ip/address.ts";
import { type Cidr, formatCidr, parseCidr } from "../../shared/ip/cidr.ts";
import { type Backend, backends } from "../../shared/netfilter/backend.ts";
import type { Forwarding, Mapping } from "./adaptor.ts";

/** An owner's record: what is forwarded to it, and where its interface was. */
export interface PortRecord {
  readonly forwarding: Forwarding;
  /** Whose rules they are. */
  readonly backend: Backend;
  readonly namespace?: NamespaceRecord;
}

function mappingObject({ hostIp, ...rest }: Mapping): JsonObject {
  return hostIp === undefined ? rest : { ...rest, hostIp: formatIp(hostIp) };
}

export function recordText({ forwarding, backend, namespace }: PortRecord): string {
  const { targets, mappings, ...rest } = forwarding;
  const value = {
    ...rest,
    backend,
    targets: targets.map(formatCidr),
    mappings: mappings.map(mappingObject),
    ...(namespace === undefined ? {} : { namespace }),
  };
  return `${JSON.stringify(value)}\n`;
}

const isText = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number";

function readMapping(value: unknown): Mapping[] {
  if (!isObject(value)) return [];
  const { protocol, family, hostIp, hostPort, containerPort } = value;
  if (protocol !== "tcp" && protocol !== "udp" && protocol !== "sctp") return [];
  if ((family !== 4 && family !== 6) || !isNumber(hostPort) || !isNumber(containerPort)) return [];
  const plain = { protocol, family, hostPort, containerPort } as const;
  if (!isText(hostIp)) return [plain];
  const address = parseIp(hostIp);
  return address === undefined ? [] : [{ ...plain, hostIp: address }];
}

function readOwner(value: unknown): AttachmentKey | undefined {
  if (!isObject(value)) return undefined;
  const { network, containerId, ifname } = value;
  return isText(network) && isText(containerId) && isText(ifname)
    ? { network, containerId, ifname }
    : undefined;
}

function readNamespace(value: unknown): NamespaceRecord | undefined {
  if (!isObject(value)) return undefined;
  const { path, identity } = value;
  return isText(path) && isText(identity) ? { path, identity } : undefined;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const texts = (value: unknown): string[] => listOf(value).filter(isText);

/** Reads a record; undefined if it is not whole. */
export function parseRecord(text: string): PortRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const owner = readOwner(value["owner"]);
  if (owner === undefined) return undefined;
  const { snat, masqAll, markBit, externalSetMarkChain, conditions } = value;
  const given = isObject(conditions) ? conditions : {};
  const namespace = readNamespace(value["namespace"]);
  const forwarding: Forwarding = {
    owner,
    targets: texts(value["targets"])
      .map(parseCidr)
      .filter((cidr): cidr is Cidr => cidr !== undefined),
    mappings: listOf(value["mappings"]).flatMap(readMapping),
    snat: snat === true,
    masqAll: masqAll === true,
    markBit: isNumber(markBit) ? markBit : 0,
    ...(isText(externalSetMarkChain) ? { externalSetMarkChain } : {}),
    conditions: { 4: texts(given["4"]), 6: texts(given["6"]) },
  };
  const backend = backends.find((name) => name === value["backend"]) ?? "iptables";
  return { forwarding, backend, ...(namespace === undefined ? {} : { namespace }) };
}
