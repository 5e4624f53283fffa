import type { Network } from "../helpers/index.ts";
import { buildImage, image, urlOf } from "./image.ts";
import type { Machine } from "./machine.ts";

// A test may lack control groups' controllers, and the right to raise limits, which podman does unless
// these are configured.
const allowances = `
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]

[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`;

/** The part of containers.conf that chooses the backend. */
const backend = (folders: readonly string[]): string => `
[network]
network_backend = "cni"
cni_plugin_dirs = ${JSON.stringify(folders)}
`;

/**
 * Gives podman the image of the tests. `configuration` is its containers.conf, to which only is added what a test
 * needs to run at all.
 */
export async function preparePodman(machine: Machine, configuration: string, name = image): Promise<void> {
  machine.write("/etc/containers/containers.conf", `${configuration}${allowances}`);
  await machine.run("podman", ["load", "-i", await buildImage(machine.node, name)]);
}

interface Container {
  readonly NetworkSettings: {
    readonly Networks: Record<string, { readonly IPAddress: string; readonly GlobalIPv6Address: string }>;
  };
}

/** podman on a machine of its own, with the image and one network. */
export class Podman {
  readonly #machine: Machine;
  readonly #network: string;

  private constructor(machine: Machine, network: string) {
    this.#machine = machine;
    this.#network = network;
  }

  static async start(machine: Machine, network: Network, folders = ["/opt/cni/bin"]): Promise<Podman> {
    machine.configure(network);
    await preparePodman(machine, backend(folders));
    return new Podman(machine, network.name);
  }

  async call(...args: string[]): Promise<string> {
    return (await this.#machine.run("podman", args)).stdout;
  }

  run(name: string, options: readonly string[], command: readonly string[], network = this.#network) {
    return this.call("run", "-d", "--name", name, "--network", network, ...options, image, ...command);
  }

  remove(...names: string[]): Promise<string> {
    return this.call("rm", "-f", "-t", "0", ...names);
  }

  /** Leaves behind what a network's first container makes for all. */
  async warmUp(network = this.#network): Promise<void> {
    await this.run("warm-up", ["-p", "8080:80"], ["sleep", "infinity"], network);
    await this.remove("warm-up");
  }

  /** The addresses of a container, as podman shows them. */
  async addresses(name: string): Promise<string[]> {
    const [container] = JSON.parse(await this.call("inspect", name)) as [Container];
    return Object.values(container.NetworkSettings.Networks)
      .flatMap(({ IPAddress, GlobalIPv6Address }) => [IPAddress, GlobalIPv6Address])
      .filter((address) => address !== "");
  }

  /** The addresses that are on its interface. */
  async insideAddresses(name: string): Promise<string[]> {
    const text = await this.call("exec", name, "ip", "address", "show", "dev", "eth0", "scope", "global");
    return [...text.matchAll(/inet6? ([0-9a-f.:]+)\//g)].map(([, address = ""]) => address);
  }

  /** What a server of `serve` answers to a container. */
  fetch(name: string, address: string): Promise<string> {
    return this.call("exec", name, "sh", "-c", `wget -q -O - ${urlOf(address)} 2>&1 || true`);
  }
}
