/** The name of an interface, for errors. Apart from link.ts, which needs a connection. */
import { Attributes } from "./attributes.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

const RTM_GETLINK = 18;
const IFLA_IFNAME = 3;
/** struct ifinfomsg. */
const HEADER = 16;

/** Asks for the interface with an index. */
export function nameRequest(index: number): NetlinkMessage {
  const body = new Uint8Array(HEADER);
  new DataView(body.buffer).setInt32(4, index, true);
  return { type: RTM_GETLINK, flags: Flag.request, body, purpose: "look for an interface" };
}

/** The name in the answer. */
export const nameIn = (body: Uint8Array): string => new Attributes(body, HEADER).text(IFLA_IFNAME) ?? "";
