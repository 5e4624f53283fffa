import { builtPlugin, createNode, distBin, type Node } from "../../helpers/index.ts";
import { Host as AnyHost, hostLocal, type Keys, subnet4 } from "../attachment/host.ts";

export * from "../attachment/host.ts";

/** The programs that every test of this folder calls. */
export const programs = ["ip", "bridge", "iptables-save", "nft", "ipset", "ping"] as const;

/** The configuration of a network with one IPv4 range; `keys` are added to it, or replace. */
export const network = (keys: Keys = {}): Keys => ({
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  ipam: hostLocal([subnet4]),
  ...keys,
});

/** A network that hands out no addresses. */
export const l2Network = (keys: Keys = {}): Keys => network({ ipam: {}, ...keys });

/** A throw-away node on which the bridge plugin, the built one unless told, is called as a runtime does. */
export class Host extends AnyHost {
  constructor(node: Node, executable = builtPlugin("bridge"), path = distBin) {
    super(node, executable, path);
  }

  static override async create(): Promise<Host> {
    return new Host(await createNode());
  }
}
