/** A record as text: JSON, with addresses as texts. Pure. */
import type { NamespaceRecord } from "../attachment/namespace-record.ts";
import { isObject, type JsonObject, parseObject } from "../cni/fields.ts";
import type { AttachmentKey } from "../cni/plugin.ts";
import { formatIp, parseIp } from "../ip/address.ts";
import { type Cidr, formatCidr, parseCidr } from "../ip/cidr.ts";
import { backends } from "./backend.ts";
import {
  type FilterRecord,
  type Firewall,
  type HostPorts,
  type Ingress,
  ingressPolicies,
  type Masquerade,
  type PortMapping,
  recordKinds,
  type SpoofCheck,
  transportProtocols,
} from "./record.ts";

function portsObject({ targets, mappings, ...rest }: HostPorts): JsonObject {
  return {
    ...rest,
    targets: targets.map(formatCidr),
    mappings: mappings.map(({ hostIp, ...mapping }) =>
      hostIp === undefined ? mapping : { ...mapping, hostIp: formatIp(hostIp) },
    ),
  };
}

export function recordText({ addresses, masquerade, hostPorts, ...rest }: FilterRecord): string {
  const value = {
    ...rest,
    ...(addresses === undefined ? {} : { addresses: addresses.map(formatCidr) }),
    ...(masquerade === undefined
      ? {}
      : {
          masquerade: {
            addresses: masquerade.addresses.map(formatCidr),
            exceptions: masquerade.exceptions.map(formatCidr),
          },
        }),
    ...(hostPorts === undefined ? {} : { hostPorts: portsObject(hostPorts) }),
  };
  return `${JSON.stringify(value)}\n`;
}

const isText = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number";
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const texts = (value: unknown): string[] => listOf(value).filter(isText);
const cidrs = (value: unknown): Cidr[] => texts(value).flatMap((text) => parseCidr(text) ?? []);

function readMapping(value: unknown): PortMapping[] {
  if (!isObject(value)) return [];
  const { family, hostIp, hostPort, containerPort } = value;
  const protocol = transportProtocols.find((name) => name === value["protocol"]);
  if (protocol === undefined || (family !== 4 && family !== 6)) return [];
  if (!isNumber(hostPort) || !isNumber(containerPort)) return [];
  const mapping = { protocol, family, hostPort, containerPort } as const;
  if (!isText(hostIp)) return [mapping];
  const address = parseIp(hostIp);
  return address === undefined ? [] : [{ ...mapping, hostIp: address }];
}

function readPorts(value: unknown): HostPorts | undefined {
  if (!isObject(value)) return undefined;
  const { snat, masqAll, markBit, externalSetMarkChain, conditions, localhost } = value;
  const given = isObject(conditions) ? conditions : {};
  return {
    targets: cidrs(value["targets"]),
    mappings: listOf(value["mappings"]).flatMap(readMapping),
    snat: snat === true,
    masqAll: masqAll === true,
    markBit: isNumber(markBit) ? markBit : 0,
    ...(isText(externalSetMarkChain) ? { externalSetMarkChain } : {}),
    conditions: { 4: texts(given["4"]), 6: texts(given["6"]) },
    ...(isText(localhost) ? { localhost } : {}),
  };
}

function readMasquerade(value: unknown): Masquerade | undefined {
  if (!isObject(value)) return undefined;
  return { addresses: cidrs(value["addresses"]), exceptions: cidrs(value["exceptions"]) };
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

function readSpoofCheck(value: unknown): SpoofCheck | undefined {
  if (!isObject(value)) return undefined;
  const { port, mac } = value;
  return isText(port) && isText(mac) && MAC.test(mac) ? { port, mac } : undefined;
}

function readIngress(value: unknown): Ingress[] {
  if (!isObject(value) || !isText(value["bridge"])) return [];
  const policy = ingressPolicies.find((name) => name === value["policy"]);
  return policy === undefined ? [] : [{ bridge: value["bridge"], policy }];
}

function readFirewall(value: unknown): Firewall | undefined {
  if (!isObject(value)) return undefined;
  const { zone } = value;
  return {
    admins: texts(value["admins"]),
    ingress: listOf(value["ingress"]).flatMap(readIngress),
    ...(isText(zone) ? { zone } : {}),
  };
}

function readOwner(value: unknown): AttachmentKey | undefined {
  if (!isObject(value)) return undefined;
  const { network, containerId, ifname } = value;
  if (!isText(network) || !isText(containerId) || !isText(ifname)) return undefined;
  return { network, containerId, ifname };
}

function readNamespace(value: unknown): NamespaceRecord | undefined {
  if (!isObject(value)) return undefined;
  const { path, identity } = value;
  return isText(path) && isText(identity) ? { path, identity } : undefined;
}

export const parseFirewall = (text: string): Firewall | undefined => readFirewall(parseObject(text));

/** Reads a record; undefined if the text is not a whole one. */
export function parseRecord(text: string): FilterRecord | undefined {
  const value = parseObject(text);
  const owner = readOwner(value?.["owner"]);
  const kind = recordKinds.find((name) => name === value?.["kind"]);
  const backend = backends.find((name) => name === value?.["backend"]);
  if (value === undefined || owner === undefined || kind === undefined || backend === undefined)
    return undefined;
  const namespace = readNamespace(value["namespace"]);
  const masquerade = readMasquerade(value["masquerade"]);
  const spoofCheck = readSpoofCheck(value["spoofCheck"]);
  const hostPorts = readPorts(value["hostPorts"]);
  const firewall = readFirewall(value["firewall"]);
  return {
    owner,
    kind,
    backend,
    ...(namespace === undefined ? {} : { namespace }),
    ...("addresses" in value ? { addresses: cidrs(value["addresses"]) } : {}),
    ...(masquerade === undefined ? {} : { masquerade }),
    ...(spoofCheck === undefined ? {} : { spoofCheck }),
    ...(hostPorts === undefined ? {} : { hostPorts }),
    ...(firewall === undefined ? {} : { firewall }),
  };
}
