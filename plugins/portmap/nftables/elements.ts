/** What a forwarding puts into the sets and maps, each element with its owner. Pure. */
import { ownerComment } from "../../../shared/cni/attachment.ts";
import { type IpAddress, toBytes } from "../../../shared/ip/address.ts";
import type { Cidr } from "../../../shared/ip/cidr.ts";
import type { Element } from "../../../shared/netfilter/nftables/element.ts";
import type { Forwarding, Mapping } from "../adaptor.ts";
import { protocolNumbers } from "../protocols.ts";
import { setName } from "./hairpin-rules.ts";
import { mapName, mapNames, profileOf } from "./profile.ts";

export interface PlacedElement {
  readonly set: string;
  readonly element: Element;
  /** In words, for errors. */
  readonly what: string;
}

const portBytes = (port: number) => new Uint8Array([port >> 8, port & 0xff]);

function mappingElement(mapping: Mapping, target: IpAddress, suffix: string, comment: string): PlacedElement {
  const { protocol, family, hostIp, hostPort, containerPort } = mapping;
  const address = hostIp === undefined ? [] : [toBytes(hostIp)];
  return {
    set: mapName(family, hostIp === undefined ? "any" : "address", suffix),
    element: {
      key: [new Uint8Array([protocolNumbers[protocol]]), ...address, portBytes(hostPort)],
      value: [toBytes(target), portBytes(containerPort)],
      comment,
    },
    what: `host port ${hostPort}/${protocol} (IPv${family})`,
  };
}

function targetElements({ address }: Cidr, { snat, masqAll }: Forwarding, comment: string): PlacedElement[] {
  const bytes = toBytes(address);
  const what = `the IPv${address.family} address of the container`;
  const place = (set: string, key: readonly Uint8Array[]) => ({ set, element: { key, comment }, what });
  const target = place(setName.target(address.family), [bytes]);
  if (!snat) return [target];
  return [
    target,
    place(setName.snat(address.family), [bytes]),
    place(setName.self(address.family), [bytes, bytes]),
    ...(masqAll ? [place(setName.masqAll(address.family), [bytes])] : []),
  ];
}

/** Every element of a forwarding. */
export function elementsOf(forwarding: Forwarding): PlacedElement[] {
  const { owner, targets, mappings } = forwarding;
  const { suffix } = profileOf(forwarding);
  const comment = ownerComment(owner);
  const mapped = mappings.flatMap((mapping) => {
    const target = targets.find(({ address }) => address.family === mapping.family)?.address;
    return target === undefined ? [] : [mappingElement(mapping, target, suffix, comment)];
  });
  return [...mapped, ...targets.flatMap((target) => targetElements(target, forwarding, comment))];
}

/** The names of all sets and maps that elements may be in, given the suffixes of the profiles there are. */
export function allSets(suffixes: readonly string[]): string[] {
  const fixed = ([4, 6] as const).flatMap((family) => [
    setName.target(family),
    setName.snat(family),
    setName.self(family),
    setName.masqAll(family),
  ]);
  return [...suffixes.flatMap(mapNames), ...fixed];
}
