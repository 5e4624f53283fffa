/** What a host needs whose 127.0.0.1 leads to containers. Pure. */
import { DEFAULT_MARK_BIT } from "../record.ts";
import { maskOf, type SharedRule, shared } from "./rule.ts";

/** Where route_localnet is on, the kernel accepts packets to 127.0.0.1 from neighbours (CVE-2020-8558). */
const fromHereOnly: SharedRule = {
  ...shared(
    "raw",
    "PREROUTING",
    "-d 127.0.0.0/8 ! -i lo",
    "podwire: 127.0.0.0/8 from this node only",
    "DROP",
  ),
  isFirst: true,
};

/**
 * Answers to this host carry the mark past what guards its localhost (localhost.ts). br_netfilter gives them the destination 127.0.0.1
 * on the bridge already.
 */
const answers = shared(
  "mangle",
  "PREROUTING",
  "! -i lo -m conntrack --ctorigsrc 127.0.0.0/8 --ctdir REPLY",
  "podwire: answers to 127.0.0.0/8",
  `MARK --set-xmark ${maskOf(DEFAULT_MARK_BIT)}/${maskOf(DEFAULT_MARK_BIT)}`,
);

export const localhostRules: readonly SharedRule[] = [fromHereOnly, answers];
