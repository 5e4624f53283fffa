/** Names that are made from an attachment. */
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import { encodeText } from "../../../shared/system/text.ts";

/** Type 0 and at most 254 bytes: an option holds 255. As the reference plugin has it, so that servers know the container after a change-over. */
export function clientIdentifier({ containerId, network, ifname }: AttachmentKey): Uint8Array {
  const text = encodeText(`${containerId}/${network}/${ifname}`).subarray(0, 254);
  const identifier = new Uint8Array(text.length + 1);
  identifier.set(text, 1);
  return identifier;
}

/** For messages. No part can contain the separator. */
export const ownerName = ({ network, containerId, ifname }: AttachmentKey): string =>
  `${network}/${containerId}/${ifname}`;
