import { randomBytes } from "node:crypto";
import { builtPlugin, createNode, type Node } from "../../../test/helpers/index.ts";
import { Host, type Keys } from "../../../test/plugins/attachment/host.ts";
import { type Link, links } from "../../../test/plugins/attachment/kernel-state.ts";

/** The other end of the cable: a host in a namespace of its own. */
export const far = { netns: "far", address4: "10.1.0.1", address6: "fd00:1::1" };

const ranges = [
  [{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.2", gateway: far.address4 }],
  [{ subnet: "fd00:1::/64", rangeStart: "fd00:1::2", gateway: far.address6 }],
];

/** Of the device up0: no other test's, since DEL looks for a lost device in all namespaces of the machine. */
export const mac = `02:${Array.from(randomBytes(5), (byte) => byte.toString(16).padStart(2, "0")).join(":")}`;

/** A network with the device up0. */
export const network = (keys: Keys = {}): Keys => ({
  cniVersion: "1.1.0",
  name: "net",
  type: "host-device",
  device: "up0",
  ipam: { type: "host-local", ranges, routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] },
  ...keys,
});

/** The same without addresses. */
export const bare = (keys: Keys = {}): Keys => network({ ipam: {}, ...keys });

/** A host with the device up0, a cable to `far`. One that has never been up is after DEL as it was. */
export async function createWorld(state: "up" | "down" = "up"): Promise<Host> {
  const node = await createNode();
  await node.addNetns(far.netns);
  const batch = [
    `link add up0 type veth peer name eth0 netns ${far.netns}`,
    `link set up0 address ${mac} ${state}`,
  ];
  const inside = [
    `address add ${far.address4}/24 dev eth0`,
    `address add ${far.address6}/64 dev eth0 nodad`,
    "link set eth0 up",
  ];
  await node.exec("ip", ["-batch", "-"], { input: `${batch.join("\n")}\n` });
  await node.exec("ip", ["-batch", "-"], { input: `${inside.join("\n")}\n`, netns: far.netns });
  return new Host(node, builtPlugin("host-device"));
}

export const names = async (node: Node, netns?: string): Promise<string[]> =>
  (await links(node, netns)).map(({ ifname }) => ifname).sort();

/** What a device is on the host. */
export const identity = ({ ifname, address, mtu, ifalias }: Link) => ({ ifname, address, mtu, ifalias });
