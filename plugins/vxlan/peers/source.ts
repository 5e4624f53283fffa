/** Chooses the source of the peers. */
import { quote } from "../../../shared/cni/error.ts";
import type { Fields } from "../../../shared/cni/fields.ts";
import type { PeerSource } from "./peer.ts";
import { staticPeers } from "./static.ts";

const sources: Readonly<Record<string, PeerSource>> = { static: staticPeers };

/** The source that `discovery` names. Throws codes 6 and 7. */
export function peerSource(discovery: Fields): PeerSource {
  const type = discovery.text("type") ?? "static";
  const source = Object.hasOwn(sources, type) ? sources[type] : undefined;
  if (source !== undefined) return source;
  const known = Object.keys(sources).join(", ");
  throw discovery.invalid("type", `is ${quote(type)}`, `known are: ${known}`);
}
