import { hostLocal, network, subnet4, subnet6 } from "./host.ts";

/** A network whose ADD takes every kind of step. */
export const everything = network({
  isDefaultGateway: true,
  ipMasq: true,
  macspoofchk: true,
  portIsolation: true,
  ipam: hostLocal([subnet4, subnet6], { routes: [{ dst: "192.0.2.0/24", gw: "10.1.0.9" }] }),
});
