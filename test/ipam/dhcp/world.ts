import { expect } from "vitest";
import {
  builtPlugin,
  createNode,
  type Node,
  type RunningCommand,
  referencePlugin,
} from "../../helpers/index.ts";
import { Host, type Keys, type Pod } from "../../plugins/attachment/host.ts";

export const server = "10.9.0.1";
export const requested = (...codes: number[]) => codes.map((code) => ({ option: String(code) }));

/** A network whose interfaces are made by another plugin, or by the test itself. */
export const network = (ipam: Keys = {}, keys: Keys = {}): Keys => ({
  cniVersion: "1.1.0",
  name: "net",
  type: "macvlan",
  ipam: { type: "dhcp", ...ipam },
  ...keys,
});

const lanScript = `
ip link add lan type bridge
ip link set lan up
ip link add port0 type veth peer name eth0 netns server
ip link set port0 master lan up
ip -n server address add ${server}/24 dev eth0
ip -n server link set eth0 up`;

/** A node with a bridge `lan`. A namespace `server` on it has the address 10.9.0.1 at its interface eth0. */
export class World implements AsyncDisposable {
  readonly node: Node;
  readonly host: Host;

  protected constructor(node: Node) {
    this.node = node;
    this.host = new Host(node, builtPlugin("dhcp"));
  }

  static async create(): Promise<World> {
    return World.on(await createNode());
  }

  /** The same on a node that is there. */
  static async on(node: Node): Promise<World> {
    await node.addNetns("server");
    await node.exec("sh", ["-ec", lanScript]);
    return new World(node);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.node.dispose();
  }

  /** A container whose eth0 is a port of the bridge, as a plugin leaves it for IPAM: down. */
  async pod(name: string): Promise<Pod> {
    const pod = await this.host.pod(name);
    await this.attach(name);
    return pod;
  }

  /** Gives the container an interface on the bridge. */
  async attach(name: string): Promise<void> {
    const port = ["link", "add", `p-${name}`, "type", "veth", "peer", "name", "eth0", "netns", name];
    await this.node.exec("ip", port);
    await this.node.exec("ip", ["link", "set", `p-${name}`, "master", "lan", "up"]);
  }

  /** Starts the daemon, ours by default, and waits until it answers. */
  async daemon(args: readonly string[] = [], executable = builtPlugin("dhcp")): Promise<RunningCommand> {
    const daemon = this.node.start(executable, ["daemon", "-resendmax", "300ms", ...args]);
    await this.answers();
    return daemon;
  }

  /** Starts the reference plugin's daemon. */
  async referenceDaemon(): Promise<RunningCommand> {
    const daemon = this.node.start(referencePlugin("dhcp"), ["daemon"]);
    await this.answers();
    return daemon;
  }

  private async answers(): Promise<void> {
    const status = () => this.host.call("STATUS", undefined, network());
    await expect.poll(async () => (await status()).exitCode, { timeout: 20_000 }).toBe(0);
  }

  /** Starts dnsmasq in the server's namespace. */
  async dnsmasq(
    args: readonly string[] = [],
    { netns = "server", range = "10.9.0.50,10.9.0.99" } = {},
  ): Promise<RunningCommand> {
    const words = [
      "exec dnsmasq --keep-in-foreground --log-facility=- --log-dhcp --conf-file=/dev/null --port=0 --pid-file=",
      `--no-resolv --no-ping --user=root --interface=eth0 --bind-dynamic --dhcp-leasefile=/run/${netns}.leases`,
      `--dhcp-range=${range},2m`,
      ...args,
    ];
    const running = this.node.start("sh", ["-c", `${words.join(" ")} 2>&1`], { netns });
    await running.firstLine();
    return running;
  }

  /**
   * Starts ISC's server in a namespace: leases of `seconds`. It offers what it thinks is free, and refuses what it does not know. What it
   * logs is in /run/NETNS.log.
   */
  async dhcpd(seconds: number, options: readonly string[] = [], netns = "server"): Promise<RunningCommand> {
    const times = ["default", "max", "min"].map((which) => `${which}-lease-time ${seconds};`);
    const range = "range 10.9.0.50 10.9.0.99; option routers 10.9.0.1;";
    const subnet = `subnet 10.9.0.0 netmask 255.255.255.0 { ${range} ${options.join(" ")} }`;
    const text = ["authoritative; ping-check false;", ...times, subnet, ""].join("\n");
    await this.node.exec(
      "sh",
      ["-c", `cat > /run/${netns}.conf; : > /run/${netns}.log; touch /run/${netns}.leases`],
      { input: text },
    );
    const files = `-cf /run/${netns}.conf -lf /run/${netns}.leases --no-pid`;
    const start = `exec dhcpd -4 -f -d ${files} -user root -group root eth0 >> /run/${netns}.log 2>&1`;
    const running = this.node.start("sh", ["-c", start], { netns });
    await expect.poll(() => this.logged(/Server starting service/, netns)).toBe(1);
    return running;
  }

  /** How many lines of a server's log match. */
  async logged(pattern: RegExp, netns = "server"): Promise<number> {
    const { stdout } = await this.node.exec("cat", [`/run/${netns}.log`], { reject: false });
    return stdout.split("\n").filter((line) => pattern.test(line)).length;
  }

  /** dnsmasq's list of leases: the addresses. */
  async leased(netns = "server"): Promise<string[]> {
    const { stdout } = await this.node.exec("cat", [`/run/${netns}.leases`], { reject: false });
    return stdout
      .split("\n")
      .filter((line) => /^\d+ [0-9a-f:]{17} /.test(line))
      .map((line) => line.split(" ")[2] ?? "")
      .sort();
  }

  /** The files of leases that the daemon keeps. */
  async files(): Promise<string[]> {
    const list = ["-c", "ls /run/podwire/dhcp/run-cni-dhcp.sock 2>/dev/null | grep -v lock"];
    return (await this.node.exec("sh", list, { reject: false })).stdout
      .split("\n")
      .filter((name) => name !== "");
  }
}
