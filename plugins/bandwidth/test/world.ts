/** A container that ptp has attached, for bandwidth to limit, and what tc(8) shows of it. */
import { builtPlugin } from "../../../test/helpers/index.ts";
import { Host, hostLocal, type Keys, type Pod } from "../../../test/plugins/attachment/host.ts";

export const programs = ["ip", "tc"] as const;

export const network: Keys = {
  cniVersion: "1.0.0",
  name: "net",
  type: "ptp",
  ipam: hostLocal(["10.1.0.0/24", "fd00:1::/64"], { routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] }),
};

export const config: Keys = { cniVersion: "1.0.0", name: "net", type: "bandwidth" };

export const limits = {
  ingressRate: 8_000_000,
  ingressBurst: 400_000,
  egressRate: 16_000_000,
  egressBurst: 800_000,
} as const;

/** A qdisc as `tc -j qdisc` prints it; rates are in bytes. */
export interface Qdisc {
  readonly kind: string;
  readonly handle: string;
  readonly dev: string;
  readonly root?: boolean;
  readonly parent?: string;
  readonly options?: { readonly rate?: number; readonly burst?: number; readonly lat?: number };
  readonly bytes: number;
  readonly overlimits: number;
}

export class World implements AsyncDisposable {
  readonly host: Host;
  readonly ptp: Host;
  readonly pod: Pod;
  /** The result of ptp. */
  prevResult: Keys & { readonly interfaces: readonly { readonly name: string }[] };

  private constructor(host: Host, ptp: Host, pod: Pod, prevResult: World["prevResult"]) {
    this.host = host;
    this.ptp = ptp;
    this.pod = pod;
    this.prevResult = prevResult;
  }

  static async create(): Promise<World> {
    const host = await Host.create("bandwidth");
    const ptp = new Host(host.node, builtPlugin("ptp"));
    const pod = await ptp.pod("a");
    return new World(host, ptp, pod, await ptp.add(pod, network));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.host.node.dispose();
  }

  /** The host's end of the pair. */
  get end(): string {
    return this.prevResult.interfaces[0]?.name ?? "";
  }

  keys(keys: Keys = limits): Keys {
    return { ...config, ...keys, prevResult: this.prevResult };
  }

  add(keys: Keys = limits) {
    return this.host.add(this.pod, this.keys(keys));
  }

  async tc(...words: string[]): Promise<string> {
    return (await this.host.node.exec("tc", words)).stdout;
  }

  /** All qdiscs but those of the kernel's own. */
  async qdiscs(): Promise<Qdisc[]> {
    const all = await this.host.node.execJson<Qdisc[]>("tc", ["-j", "-s", "qdisc"]);
    return all.filter(({ kind }) => kind !== "noqueue");
  }

  async root(device: string): Promise<Qdisc | undefined> {
    return (await this.qdiscs()).find(({ dev, root }) => dev === device && root === true);
  }

  /** The names of the ifb devices. */
  async ifbs(): Promise<string[]> {
    const links = await this.host.node.execJson<{ ifname?: string }[]>("ip", [
      "-j",
      "link",
      "show",
      "type",
      "ifb",
    ]);
    return links.flatMap(({ ifname }) => ifname ?? []);
  }

  /** What bandwidth can leave on the node. */
  async traces() {
    const filters = await this.tc("filter", "show", "dev", this.end, "ingress");
    return {
      ifbs: await this.ifbs(),
      qdiscs: (await this.qdiscs()).map(({ kind, dev }) => [kind, dev]),
      filters,
    };
  }
}

export const nothing = { ifbs: [], qdiscs: [], filters: "" };
