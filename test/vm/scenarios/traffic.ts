import type { VmNode } from "../node.ts";

/** As `ping` of the helpers: whether an address answers, tried for some seconds. */
export const ping = async (
  node: VmNode,
  address: string,
  options: { readonly netns: string; readonly seconds: number },
): Promise<boolean> => {
  const args = ["-n", "-i", "0.2", "-c", "1", "-w", String(options.seconds), address];
  return (await node.exec("ping", args, { reject: false, netns: options.netns })).exitCode === 0;
};

/** Another machine on a cable, with no way back to what is behind the node: `createOutside` of the helpers. */
export const outside = {
  netns: "outside",
  address4: "203.0.113.1",
  address6: "2001:db8:ffff::1",
  nodeAddress4: "203.0.113.2",
  nodeAddress6: "2001:db8:ffff::2",
} as const;

export const addOutside = async (node: VmNode): Promise<void> => {
  await node.addNetns(outside.netns);
  const ends = [
    [undefined, "uplink", outside.nodeAddress4, outside.nodeAddress6],
    [outside.netns, "eth0", outside.address4, outside.address6],
  ] as const;
  await node.exec("ip", ["link", "add", "uplink", "type", "veth", "peer", "eth0", "netns", outside.netns]);
  for (const [netns, link, address4, address6] of ends) {
    const batch = [
      `address add ${address4}/24 dev ${link}`,
      `address add ${address6}/64 dev ${link} nodad`,
      `link set ${link} up`,
    ];
    const input = `${batch.join("\n")}\n`;
    await node.exec("ip", ["-batch", "-"], { input, ...(netns === undefined ? {} : { netns }) });
  }
  await node.exec("ip", ["-4", "route", "add", "default", "via", outside.address4]);
  await node.exec("ip", ["-6", "route", "add", "default", "via", outside.address6]);
};

const listen = `
timeout 20 nsenter --net=/run/netns/$1 tcpdump -n -l -c 1 -i eth0 -Q in "icmp[0] == 8 or icmp6[0] == 128" >out 2>err &
until grep -q listening err; do sleep 0.1; done
nsenter --net=/run/netns/$2 ping -n -i 0.2 -c 1 -w 10 $3 >&2 || exit 1
wait
cat out`;

/**
 * Pings from one namespace, and returns the source address that another one sees in what arrives; undefined when no
 * answer comes back. A packet capture starts in a fraction of the time of a program that could be asked.
 */
export const seenSource = async (
  node: VmNode,
  ping: { readonly from: string; readonly to: string; readonly address: string },
): Promise<string | undefined> => {
  const script = `cd $(mktemp -d)\n${listen}`;
  const args = ["-c", script, "sh", ping.to, ping.from, ping.address];
  const { exitCode, stdout } = await node.exec("sh", args, { reject: false });
  return exitCode === 0 ? /IP6? (\S+) >/.exec(stdout)?.[1] : undefined;
};
