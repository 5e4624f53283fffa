import { createNode, type Node } from "./node.ts";

/** A node on an underlay network, by `eth0`. */
export interface Member extends Node {
  readonly address4: string;
  readonly address6: string;
}

/** Several nodes on one network: a bridge between them, or a router that has a link to each. */
export interface Underlay extends AsyncDisposable {
  /** The machine in the middle: a capture on its `port1`, `port2`, ... sees all that the nodes send. */
  readonly middle: Node;
  readonly members: readonly Member[];
  /** Puts a cable between the middle and a member (again). */
  connect(index: number): Promise<void>;
}

export interface UnderlayOptions {
  /** The nodes are in networks of their own, and the middle routes between them. */
  readonly isRouted?: boolean;
  readonly mtu?: number;
}

const ip = async (node: Node, lines: readonly string[]): Promise<void> =>
  void (await node.exec("ip", ["-batch", "-"], { input: `${lines.join("\n")}\n` }));

const addressesOf = (index: number, isRouted: boolean) => {
  const part = isRouted ? index + 1 : 0;
  return {
    address4: isRouted ? `192.0.${part}.2` : `192.0.2.${index + 1}`,
    address6: isRouted ? `2001:db8:${part}::2` : `2001:db8::${index + 1}`,
    gateway4: `192.0.${part}.1`,
    gateway6: `2001:db8:${part}::1`,
  };
};

async function connect(middle: Node, member: Node, index: number, options: UnderlayOptions): Promise<void> {
  const { isRouted = false, mtu = 1500 } = options;
  const port = `port${index + 1}`;
  const { address4, address6, gateway4, gateway6 } = addressesOf(index, isRouted);
  await middle.exec("ip", [
    "link",
    "add",
    port,
    "mtu",
    `${mtu}`,
    "type",
    "veth",
    "peer",
    "name",
    "eth0",
    "mtu",
    `${mtu}`,
    "netns",
    `${member.pid}`,
  ]);
  if (isRouted) {
    await ip(middle, [
      `address add ${gateway4}/24 dev ${port}`,
      `address add ${gateway6}/64 dev ${port} nodad`,
      `link set ${port} up`,
    ]);
  } else {
    await ip(middle, [`link set ${port} master und`, `link set ${port} up`]);
  }
  await ip(member, [
    `address add ${address4}/24 dev eth0`,
    `address add ${address6}/64 dev eth0 nodad`,
    "link set eth0 up",
    ...(isRouted ? [`route add default via ${gateway4}`, `route add ::/0 via ${gateway6}`] : []),
  ]);
}

/** Makes the nodes, joined by an underlay. */
export async function createUnderlay(count: number, options: UnderlayOptions = {}): Promise<Underlay> {
  const { isRouted = false } = options;
  const middle = await createNode();
  const nodes: Member[] = [];
  const dispose = async () => {
    for (const node of [...nodes, middle]) await node.dispose();
  };
  try {
    if (isRouted)
      await middle.exec("sysctl", ["-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
    else await ip(middle, ["link add und type bridge", "link set und up"]);
    for (let index = 0; index < count; index++) {
      const node = await createNode();
      const { address4, address6 } = addressesOf(index, isRouted);
      nodes.push({ ...node, address4, address6 });
      await connect(middle, node, index, options);
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    middle,
    members: nodes,
    connect: (index) => connect(middle, nodes[index] as Node, index, options),
    [Symbol.asyncDispose]: dispose,
  };
}
