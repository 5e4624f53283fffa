/** The nftables backend: not there yet. */
import { CniError, ErrorCode } from "../../../shared/cni/error.ts";
import type { PortmapAdaptor } from "../adaptor.ts";

function refuse(): never {
  throw new CniError(ErrorCode.notAvailable, "not available", 'set "backend" to "iptables"');
}

export const nftablesAdaptor: PortmapAdaptor = {
  prepare: refuse,
  ensure: refuse,
  check: refuse,
  // Nothing is there that it has made.
  remove: () => {},
  collect: () => {},
};
