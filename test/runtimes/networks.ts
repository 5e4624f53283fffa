/** Networks as other programs write them: what is special to a node is an example's. */
import type { Network } from "../helpers/index.ts";

const ipam = (subnet: string) => ({
  type: "host-local",
  ranges: [[{ subnet }]],
  routes: [{ dst: "0.0.0.0/0" }],
});

/** nerdctl's default network: pkg/netutil/netutil_unix.go. */
export const nerdctl: Network = {
  cniVersion: "1.0.0",
  name: "bridge",
  plugins: [
    {
      type: "bridge",
      bridge: "nerdctl0",
      isGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: { ...ipam("10.4.0.0/24"), ranges: [[{ gateway: "10.4.0.1", subnet: "10.4.0.0/24" }]] },
    },
    { type: "portmap", capabilities: { portMappings: true } },
    { type: "firewall", ingressPolicy: "same-bridge" },
    { type: "tuning" },
  ],
};

/** Nomad's network of mode bridge: client/allocrunner/networking_bridge_linux.go. */
export const nomad: Network = {
  cniVersion: "0.4.0",
  name: "nomad",
  plugins: [
    { type: "loopback" },
    {
      type: "bridge",
      bridge: "nomad",
      ipMasq: true,
      isGateway: true,
      forceAddress: true,
      hairpinMode: false,
      ipam: ipam("172.26.64.0/20"),
    },
    { type: "firewall", backend: "iptables", iptablesAdminChainName: "NOMAD-ADMIN" },
    { type: "portmap", capabilities: { portMappings: true }, snat: true },
  ],
};
