/** The configuration key ipMasqBackend. */
import type { Fields } from "../cni/fields.ts";
import type { MasqueradeBackend } from "./masquerade.ts";

/** Reads ipMasqBackend; absent means iptables. Throws codes 6 and 7. */
export function readBackend(fields: Fields): MasqueradeBackend {
  const backend = fields.text("ipMasqBackend") ?? "";
  if (backend === "" || backend === "iptables") return "iptables";
  const advice = 'this version has "iptables" only: set that, or leave the key out';
  throw fields.invalid("ipMasqBackend", `is unknown: ${JSON.stringify(backend)}`, advice);
}
