/** A node with pods on a bridge whose ports portmap forwards, and another machine that uses them. */
import { expect } from "vitest";
import { builtPlugin, createOutside, type Outside, seenAddress } from "../../helpers/index.ts";
import { failed, Host, hostLocal, type Keys, network, type Pod, subnet4, subnet6 } from "../bridge/host.ts";

export { failed, type Keys, type Pod, subnet4, subnet6 };

/** The backends that are tested: each test runs once for each. */
export const backends = ["iptables", "nftables"] as const;
export type Backend = (typeof backends)[number];

/** The programs that the tests of this folder call. */
export const programs = ["ip", "iptables-save", "ipset", "nft", "conntrack"] as const;

export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol?: string;
  readonly hostIP?: string;
}

/** The main plugin's configuration: both families, unless told. */
export const bridgeConfig = (keys: Keys = {}): Keys =>
  network({ isDefaultGateway: true, ipMasq: true, ipam: hostLocal([subnet4, subnet6]), ...keys });

/** The result of an ADD, as far as tests read it. */
export interface Attached {
  readonly ips: readonly { readonly address: string }[];
}

/** Addresses of a result, v4 and v6, without prefix lengths. */
export const addressesOf = ({ ips }: Attached) => {
  const plain = ips.map(({ address }) => address.replace(/\/.*/, ""));
  return {
    v4: plain.find((address) => !address.includes(":")) ?? "",
    v6: plain.find((address) => address.includes(":")) ?? "",
  };
};

export class PortHost implements AsyncDisposable {
  readonly bridge: Host;
  readonly portmap: Host;
  readonly outside: Outside;
  readonly backend: Backend;

  private constructor(bridge: Host, outside: Outside, backend: Backend, executable: string) {
    this.bridge = bridge;
    this.portmap = new Host(bridge.node, executable);
    this.outside = outside;
    this.backend = backend;
  }

  static async create(backend: Backend, executable = builtPlugin("portmap")): Promise<PortHost> {
    const bridge = await Host.create();
    return new PortHost(bridge, await createOutside(bridge.node), backend, executable);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.outside.dispose();
    await this.node.dispose();
  }

  get node() {
    return this.bridge.node;
  }

  /** The configuration of portmap as the runtime passes it. */
  config(mappings: readonly PortMapping[] | undefined, prevResult?: object, keys: Keys = {}): Keys {
    return {
      cniVersion: "1.1.0",
      name: "net",
      type: "portmap",
      backend: this.backend,
      capabilities: { portMappings: true },
      ...(mappings === undefined ? {} : { runtimeConfig: { portMappings: mappings } }),
      ...(prevResult === undefined ? {} : { prevResult }),
      ...keys,
    };
  }

  /** Attaches a pod to the bridge, and forwards ports to it. Returns the result of the bridge. */
  async attach(
    pod: Pod,
    mappings: readonly PortMapping[],
    keys: Keys = {},
    bridgeKeys: Keys = {},
  ): Promise<Attached> {
    const result = await this.bridge.add(pod, bridgeConfig({ ...bridgeKeys, name: keys["name"] ?? "net" }));
    expect(await this.portmap.add(pod, this.config(mappings, result, keys))).toEqual(result);
    return result;
  }

  /** DEL of portmap with nothing but what identifies the attachment. */
  async detach(pod: Pod, keys: Keys = {}): Promise<void> {
    await this.portmap.del({ ...pod, netns: "" }, this.config(undefined, undefined, keys));
  }

  /** Leaves behind what the first forwarded port of a node makes for all. */
  async warmUp(keys: Keys = {}): Promise<void> {
    const pod = await this.bridge.pod("warm-up");
    await this.attach(pod, [{ hostPort: 1, containerPort: 1 }], keys);
    await this.detach(pod, keys);
    await this.bridge.del(pod, bridgeConfig({ name: keys["name"] ?? "net" }));
    await this.node.deleteNetns(pod.name);
  }

  async check(
    pod: Pod,
    mappings: readonly PortMapping[],
    result: object,
    keys: Keys = {},
    extras: { timeout?: number } = {},
  ): Promise<void> {
    await this.portmap.check(pod, this.config(mappings, undefined, keys), result, extras);
  }

  /** What a server behind the port sees as its client's address, from another machine. */
  fromOutside(address: string, port: number, milliseconds = 10_000): Promise<string | undefined> {
    return seenAddress(this.outside, address, port, { milliseconds });
  }

  /** The same from the node itself, or from a pod on it. */
  fromNode(
    address: string,
    port: number,
    netns?: string,
    milliseconds = 10_000,
  ): Promise<string | undefined> {
    return seenAddress(this.node, address, port, { milliseconds, ...(netns === undefined ? {} : { netns }) });
  }
}
