/** The measured networks. Each has one range of addresses, large enough for all attachments. */
import type { Network } from "../../test/helpers/index.ts";

type Plugin = Network["plugins"][number];

/** What translates addresses and ports. */
export type Backend = "iptables" | "nftables";

const ipam = {
  type: "host-local",
  ranges: [[{ subnet: "10.64.0.0/16" }]],
  routes: [{ dst: "0.0.0.0/0" }],
};

export const bridge: Plugin = { type: "bridge", bridge: "cni0", isGateway: true, ipam };

export const ptp: Plugin = { type: "ptp", ipam };

/** An IPAM plugin by itself, with the input that an interface plugin would pass on. */
export const hostLocal: Plugin = { type: "host-local", ipam };

export const portmap = (backend?: Backend): Plugin => ({
  type: "portmap",
  ...(backend === undefined ? {} : { backend }),
  capabilities: { portMappings: true },
});

export const masqueraded = (plugin: Plugin, ipMasqBackend?: Backend): Plugin => ({
  ...plugin,
  ipMasq: true,
  ...(ipMasqBackend === undefined ? {} : { ipMasqBackend }),
});

export const network = (...plugins: readonly Plugin[]): Network => ({
  cniVersion: "1.0.0",
  name: "bench",
  plugins,
});
