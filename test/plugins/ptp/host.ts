import {
  builtPlugin,
  createNode,
  createOutside,
  distBin,
  type Node,
  referenceBin,
} from "../../helpers/index.ts";
import { Host as AnyHost, hostLocal, type Keys, subnet4, subnet6 } from "../attachment/host.ts";

export * from "../attachment/host.ts";

/** The programs that every test of this folder calls. */
export const programs = ["ip", "iptables-save", "nft", "ipset", "ping"] as const;

export const everywhere = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];

/** The configuration of a network with a range of each family; `keys` are added to it, or replace. */
export const network = (keys: Keys = {}): Keys => ({
  cniVersion: "1.1.0",
  name: "net",
  type: "ptp",
  ipam: hostLocal([subnet4, subnet6], { routes: everywhere }),
  ...keys,
});

/** A network whose ADD takes every kind of step. */
export const everything = network({ ipMasq: true, nonMasqueradeCIDRs: ["198.51.100.0/24"] });

const isV6 = (text: string): boolean => text.includes(":");

/**
 * A network with these addresses ("10.1.0.9/32", or with " via GATEWAY") and default routes, handed out by the plugin
 * static of the reference, which knows no 1.1.0.
 */
export const fixed = (...addresses: string[]): Keys =>
  network({
    cniVersion: "1.0.0",
    ipam: {
      type: "static",
      addresses: addresses.map((each) => {
        const [address, gateway] = each.split(" via ");
        return gateway === undefined ? { address } : { address, gateway };
      }),
      routes: everywhere.filter(({ dst }) => addresses.some((address) => isV6(address) === isV6(dst))),
    },
  });

/** Where the plugins of such a network are. */
export const withStatic = { path: `${distBin}:${referenceBin}` };
export const staticIpam = `${referenceBin}/static`;

/** A throw-away node on which the ptp plugin, the built one unless told, is called as a runtime does. */
export class Host extends AnyHost {
  constructor(node: Node, executable = builtPlugin("ptp"), path = distBin) {
    super(node, executable, path);
  }

  static override async create(): Promise<Host> {
    return new Host(await createNode());
  }
}

/** A host with a way out. */
export const createWorld = async () => {
  const host = await Host.create();
  const outside = await createOutside(host.node);
  const dispose = async () => {
    await outside.dispose();
    await host.node.dispose();
  };
  return { host, outside, [Symbol.asyncDispose]: dispose };
};
