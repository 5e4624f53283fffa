/** Links as ip(8) shows them. */
import type { Node } from "../../../helpers/index.ts";

export interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly flags: string[];
  readonly operstate: string;
  readonly master?: string;
  readonly ifalias?: string;
  readonly promiscuity: number;
  readonly link_netnsid?: number;
  readonly linkinfo?: {
    info_kind: string;
    info_data?: Record<string, unknown>;
    info_slave_data?: Record<string, unknown>;
  };
}

export const ipLink = async (node: Node, name: string, netns?: string): Promise<IpLink | undefined> => {
  const options = netns === undefined ? {} : { netns };
  const all = await node.execJson<IpLink[]>("ip", ["-d", "-j", "link"], options);
  return all.find(({ ifname }) => ifname === name);
};

export const newBridge = `host.execute(bridges.newBridge({ name: "br0", mac: mac(1), mtu: 1400, vlanFiltering: false }));`;
