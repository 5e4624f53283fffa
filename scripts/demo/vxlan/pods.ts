import { type Attachment, type Network, Runtime } from "../../../test/helpers/index.ts";
import type { Member, Underlay } from "../../../test/helpers/underlay.ts";
import { detail, Failure, success } from "../screen.ts";

/** A pod of the demo. */
export interface DemoPod {
  readonly node: Member;
  /** The name of its namespace. */
  readonly name: string;
  /** For people. */
  readonly label: string;
  readonly address: string;
  /** Runs CHECK. Returns the plugin's error, or undefined on success. */
  check(): Promise<string | undefined>;
  expectPing(to: DemoPod): Promise<void>;
  detach(): Promise<void>;
}

/** The configuration of one node, as in plugins/vxlan/README.md. */
export function networkOf({ members }: Underlay, own: number): Network {
  const peers = members.flatMap(({ address4 }, index) => {
    const peer = { name: `node${index + 1}`, vtep: address4, subnets: [`10.244.${index + 1}.0/24`] };
    return index === own ? [] : [peer];
  });
  const l3 = { network: "10.244.0.0/16", subnets: [`10.244.${own + 1}.0/24`] };
  const plugin = { type: "vxlan", mode: "l3", vni: 100, l3, discovery: { type: "static", peers } };
  return { cniVersion: "1.1.0", name: "demo", plugins: [{ ...plugin, ipam: { type: "host-local" } }] };
}

async function pingOnce(node: Member, name: string, address: string): Promise<void> {
  const args = ["-n", "-c", "1", "-W", "3", address];
  const { exitCode, stdout } = await node.exec("ping", args, { netns: name, reject: false });
  if (exitCode !== 0) throw new Failure(`no answer from ${address} to ${name}:\n${stdout}`);
}

/** Attaches a pod on a node. */
export async function attachPod(underlay: Underlay, index: number, name: string): Promise<DemoPod> {
  const node = underlay.members[index];
  if (node === undefined) throw new Failure(`there is no node ${index}`);
  const runtime = new Runtime(node, networkOf(underlay, index));
  const netns = await node.addNetns(name);
  const attachment: Attachment = { containerId: `demo-${name}`, netns, ifname: "eth0" };
  const result = await runtime.add(attachment);
  const address = result.ips?.[0]?.address.replace(/\/.*/, "") ?? "";
  const label = `${name} on node${index + 1} (${address})`;
  return {
    node,
    name,
    label,
    address,
    check: async () => {
      try {
        await runtime.check(attachment, result);
        return undefined;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
    expectPing: (to) => pingOnce(node, name, to.address),
    detach: () => runtime.del(attachment, result),
  };
}

/** Attaches two pods on a node, and shows its configuration. */
export async function attachTwo(underlay: Underlay, index: number): Promise<DemoPod[]> {
  const pods = [];
  for (const name of [`pod${2 * index + 1}`, `pod${2 * index + 2}`]) {
    const pod = await attachPod(underlay, index, name);
    success(pod.label);
    pods.push(pod);
  }
  if (index === 0) detail(JSON.stringify(networkOf(underlay, index).plugins[0], undefined, 1));
  return pods;
}
