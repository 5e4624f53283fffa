/** Moving a link between namespaces. */
import { BodyWriter } from "./body-writer.ts";
import { LinkAttribute, LinkMessage, linkHeader } from "./link.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

export interface Move {
  /** Descriptor of the namespace; absent: it stays where it is. */
  readonly namespace?: number;
  /** The new name. The kernel replaces "%d" by a free number. */
  readonly name: string;
  readonly alias: string;
}

/**
 * Equivalent to: ip link set dev NAME netns NAMESPACE name NAME alias ALIAS. The kernel sets the link down when it moves, removes
 * its addresses, and may change its index. If it refuses the name with EEXIST, it may have moved the link already.
 */
export function moveLink(index: number, { namespace, name, alias }: Move): NetlinkMessage {
  const body = new BodyWriter().raw(linkHeader(index)).text(LinkAttribute.name, name);
  if (namespace !== undefined) body.u32(LinkAttribute.namespaceDescriptor, namespace);
  body.text(LinkAttribute.alias, alias);
  return {
    type: LinkMessage.set,
    flags: Flag.request | Flag.ack,
    body: body.finish(),
    index,
    purpose: `make ${name} of`,
  };
}
