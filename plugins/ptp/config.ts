/** The ptp plugin's configuration: parsed and validated before anything is changed. */
import { readMtu } from "../../shared/attachment/mtu.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { type MasqueradeConfig, readMasquerade } from "../../shared/filter/masquerade-config.ts";

export interface PtpConfig {
  readonly masquerade: MasqueradeConfig;
  /** Undefined: that of the uplink. */
  readonly mtu: number | undefined;
}

/** Reads the configuration. Throws codes 6 and 7. */
export function readPtpConfig({ configuration }: Request): PtpConfig {
  const { fields, ipamType } = configuration;
  if (ipamType === "") {
    const advice = `packets are routed to addresses, so there must be some: add "ipam": {"type": "host-local", ...}`;
    throw fields.invalid("ipam", "names no plugin", advice);
  }
  return { masquerade: readMasquerade(fields), mtu: readMtu(fields) };
}
