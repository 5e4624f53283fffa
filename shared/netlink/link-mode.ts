/** Links that wait until they are set up. Constants: include/uapi/linux/if.h. */
import { BodyWriter } from "./body-writer.ts";
import { LinkAttribute, LinkMessage, linkHeader, OperationalState } from "./link.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

/** IF_LINK_MODE_*: a link with a carrier is up by default; in the mode dormant it waits until it is set up. */
export const LinkMode = { default: 0, dormant: 1 } as const;

/**
 * Equivalent to: ip link set dev NAME mode default state up. Ends the mode dormant that a link was made with, with or
 * without a carrier.
 */
export function wakeLink({ index, name }: { index: number; name: string }): NetlinkMessage {
  const body = new BodyWriter()
    .raw(linkHeader(index))
    .u8(LinkAttribute.operationalState, OperationalState.up)
    .u8(LinkAttribute.linkMode, LinkMode.default);
  return {
    type: LinkMessage.set,
    flags: Flag.request | Flag.ack,
    body: body.finish(),
    purpose: `bring up the interface ${name}`,
  };
}
