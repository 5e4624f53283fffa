/**
 * Records what iproute2 asks the kernel, and what the kernel answers, as the fixtures of the tests beside it:
 *   node --import tsx test/shared/netlink/recorded/record.ts     (as root, with strace)
 */
import { writeFileSync } from "node:fs";
import { createNode, type Node } from "../../../helpers/index.ts";

/** In this order on one node, where br0, veth0 and eth0 then are the interfaces 2, 4 and 3. */
const commands: Record<string, string> = {
  newBridge: "ip link add name br0 address 02:00:00:00:00:01 mtu 1400 type bridge",
  newVethPair:
    "ip link add name veth0 address 02:00:00:00:00:02 mtu 1400 master br0 type veth peer name eth0 address 02:00:00:00:00:03 mtu 1400",
  newDormantPair:
    "ip link add name veth1 address 02:00:00:00:00:02 mtu 1400 mode dormant state dormant master br0 type veth peer name eth1 address 02:00:00:00:00:03 mtu 1400",
  linkUp: "ip link set dev br0 up",
  linkDown: "ip link set dev eth0 down",
  linkMtu: "ip link set dev veth0 mtu 1300",
  linkMac: "ip link set dev veth0 address 02:00:00:00:00:04",
  linkAlias: "ip link set dev veth0 alias podwire",
  linkAwake: "ip link set dev veth0 mode default state up",
  linkMaster: "ip link set dev veth0 master br0",
  linkPromiscuous: "ip link set dev br0 promisc on",
  port: "ip link set dev veth0 type bridge_slave hairpin on isolated on",
  vlanFiltering: "ip link set dev br0 type bridge vlan_filtering 1",
  addVlanRange: "bridge vlan add dev veth0 vid 10-20",
  addAccessVlan: "bridge vlan add dev veth0 vid 5 pvid untagged",
  addOwnVlan: "bridge vlan add dev br0 vid 7 self",
  removeVlans: "bridge vlan delete dev veth0 vid 10-20",
  addAddress4: "ip address add 10.1.0.2/24 broadcast + dev br0",
  addHostAddress4: "ip address add 10.1.0.3/32 dev br0",
  addAddress6: "ip address add fd00::2/64 dev br0",
  addAddress6AtOnce: "ip address add fd00::3/64 dev br0 nodad",
  addAddress4Alone: "ip address add 10.1.0.4/24 broadcast + dev br0 noprefixroute",
  addAddress6Alone: "ip address add fd00::4/64 dev br0 nodad noprefixroute",
  deleteAddress4: "ip address delete 10.1.0.3/32 dev br0",
  deleteAddress6: "ip address delete fd00::3/64 dev br0",
  routeVia: "ip route prepend 192.0.2.0/24 via 10.1.0.1 dev br0",
  routeOnLink: "ip route prepend 198.51.100.0/24 dev br0",
  routeWithAll:
    "ip route prepend 203.0.113.0/24 via 10.1.0.1 dev br0 metric 7 mtu 1300 advmss 1200 table 500",
  routeDefault: "ip route prepend default via 10.1.0.1 dev br0",
  routeScope: "ip route prepend 192.0.2.128/25 dev br0 scope global table 100",
  route6Via: "ip -6 route prepend 2001:db8::/32 via fd00::1 dev br0",
  route6Default: "ip -6 route prepend default via fd00::1 dev br0 metric 7",
  routeExclusive: "ip route add 192.0.2.64/32 dev br0",
  routeFrom: "ip route prepend 198.51.100.128/25 via 10.1.0.1 dev br0 src 10.1.0.2",
  route6From: "ip -6 route prepend 2001:db8:1::/48 via fd00::1 dev br0 src fd00::2",
  neighbour4: "ip neighbour replace 10.1.0.9 lladdr 02:00:00:00:00:05 dev br0 nud reachable",
  neighbour6: "ip neighbour replace fd00::9 lladdr 02:00:00:00:00:05 dev br0 nud reachable",
  deleteLink: "ip link delete dev veth0",
};

interface Datagram {
  readonly isRequest: boolean;
  readonly bytes: string;
}

/** The datagrams in a trace: strace shows the bytes of each below its system call, 16 a line. */
const datagrams = (trace: string): Datagram[] => {
  const found: { isRequest: boolean; bytes: string }[] = [];
  for (const line of trace.split("\n")) {
    if (/^(send|recv)/.test(line)) found.push({ isRequest: line.startsWith("send"), bytes: "" });
    const dump = /^ \| [0-9a-f]+ {2}([0-9a-f ]{48}) /.exec(line)?.[1]?.replaceAll(" ", "");
    const last = found.at(-1);
    if (dump !== undefined && last !== undefined) last.bytes += dump;
  }
  return found.filter(({ bytes }) => bytes !== "");
};

const trace = async (node: Node, command: string): Promise<Datagram[]> => {
  const strace = [
    "-qq",
    "-e",
    "trace=sendmsg,sendto,recvmsg",
    "-e",
    "write=all",
    "-e",
    "read=all",
    "-o",
    "/run/trace",
  ];
  // What this kernel refuses was asked all the same.
  await node.exec("strace", [...strace, ...command.split(" ")], { reject: false });
  return datagrams((await node.exec("cat", ["/run/trace"])).stdout);
};

await using node = await createNode();
const requests: Record<string, { command: string; bytes: string }> = {};
for (const [name, command] of Object.entries(commands)) {
  if (name === "deleteLink") await node.exec("ip", ["link", "set", "veth0", "up"]);
  const request = (await trace(node, command)).filter(({ isRequest }) => isRequest).at(-1);
  if (request === undefined) throw new Error(`${command}: nothing was asked`);
  requests[name] = { command, bytes: request.bytes };
  // The answer to a dump: every kind of link that the tests know.
  if (name === "routeScope") {
    const answers = (await trace(node, "ip -d link show")).filter(({ isRequest }) => !isRequest);
    const shown = await node.execJson<unknown[]>("ip", ["-d", "-j", "link", "show"]);
    const folder = new URL(".", import.meta.url);
    const links = { datagrams: answers.map(({ bytes }) => bytes), shown };
    writeFileSync(new URL("links.json", folder), `${JSON.stringify(links, undefined, 2)}\n`);
  }
}
writeFileSync(new URL("requests.json", import.meta.url), `${JSON.stringify(requests, undefined, 2)}\n`);
