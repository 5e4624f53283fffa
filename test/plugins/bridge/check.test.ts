import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { failed, Host, hostLocal, network, programs, subnet4, subnet6 } from "./host.ts";

const config = network({
  isGateway: true,
  ipMasq: true,
  macspoofchk: true,
  hairpinMode: true,
  portIsolation: true,
  mtu: 1400,
  ipam: hostLocal([subnet4, subnet6], {
    routes: [
      { dst: "0.0.0.0/0" },
      { dst: "192.0.2.0/24", gw: "10.1.0.9", mtu: 1300, advmss: 1200 },
      { dst: "::/0" },
    ],
  }),
});

/** A host with two containers; $PORT, $MAC and $PEER stand for the first one's in commands. */
const attached = async (keys = {}) => {
  const host = await Host.create();
  const pod = await host.pod("a");
  const given = { ...config, ...keys };
  const result = await host.add(pod, given);
  await host.add(await host.pod("b"), given);
  const env = {
    PATH: process.env["PATH"] ?? "",
    PORT: result.interfaces[1].name,
    MAC: result.interfaces[2].mac,
  };
  const shell = (command: string) => host.node.exec("sh", ["-ec", command], { env });
  const check = () => host.call("CHECK", pod, { ...given, prevResult: result });
  return { host, pod, result, shell, check, [Symbol.asyncDispose]: () => host.node.dispose() };
};

const inside = "ip -n a";

/** What happens to the attachment, and what CHECK must say then. */
const drifts: [string, string, RegExp][] = [
  ["the container's interface is gone", `${inside} link del eth0`, /eth0.*missing/],
  ["it has another name", `${inside} link set eth0 down name eth9`, /eth0.*missing/],
  ["it is down", `${inside} link set eth0 down`, /eth0.*down/],
  [
    "it is of another kind",
    `${inside} link del eth0; ${inside} link add eth0 address $MAC type bridge`,
    /eth0.*bridge/,
  ],
  [
    "its other end is elsewhere",
    `${inside} link del eth0; ${inside} link add eth0 mtu 1400 address $MAC type veth peer name other; ${inside} link set eth0 up`,
    /eth0/,
  ],
  ["its MAC address changed", `${inside} link set eth0 address 02:00:00:00:00:99`, /02:00:00:00:00:99/],
  ["its MTU is larger than the port's", `${inside} link set eth0 mtu 1450`, /1450/],
  ["its IPv4 address is gone", `${inside} address del 10.1.0.2/24 dev eth0`, /10\.1\.0\.2\/24/],
  ["its IPv6 address is gone", `${inside} address del fd00:1::2/64 dev eth0`, /fd00:1::2\/64/],
  [
    "its address has another prefix length",
    `${inside} address del 10.1.0.2/24 dev eth0; ${inside} address add 10.1.0.2/25 dev eth0`,
    /10\.1\.0\.2\/24/,
  ],
  ["a route is gone", `${inside} route del 192.0.2.0/24`, /192\.0\.2\.0\/24/],
  ["the default route is gone", `${inside} route del default`, /0\.0\.0\.0\/0/],
  ["the IPv6 default route is gone", `${inside} -6 route del default`, /::\/0/],
  [
    "a route has another gateway",
    `${inside} route replace 192.0.2.0/24 via 10.1.0.8 mtu 1300 advmss 1200`,
    /192\.0\.2\.0\/24/,
  ],
  [
    "a route has another MTU",
    `${inside} route replace 192.0.2.0/24 via 10.1.0.9 mtu 1200 advmss 1200`,
    /192\.0\.2\.0\/24/,
  ],
  [
    "a route has another advmss",
    `${inside} route replace 192.0.2.0/24 via 10.1.0.9 mtu 1300`,
    /192\.0\.2\.0\/24/,
  ],
  ["the port is on no bridge", "ip link set $PORT nomaster", /veth.*br0/],
  ["the port is on another bridge", "ip link add br9 type bridge; ip link set $PORT master br9", /veth.*br0/],
  [
    "the port has another name",
    "ip link set $PORT down; ip link set $PORT name other; ip link set other up",
    /other/,
  ],
  ["the port is down", "ip link set $PORT down", /veth.*down/],
  ["the port's MTU is smaller than its", "ip link set $PORT mtu 1390", /1390/],
  ["the port's MAC address changed", "ip link set $PORT address 02:00:00:00:00:98", /02:00:00:00:00:98/],
  ["hairpin is off", "bridge link set dev $PORT hairpin off", /hairpin/],
  ["isolation is off", "bridge link set dev $PORT isolated off", /isolated/],
  ["the port is blocked", "bridge link set dev $PORT state 0", /forward/],
  ["the bridge is gone", "ip link del br0", /br0/],
  ["the bridge is down", "ip link set br0 down", /br0.*down/],
  ["the bridge's MAC address changed", "ip link set br0 address 02:00:00:00:00:97", /02:00:00:00:00:97/],
  ["the IPv4 gateway address is gone", "ip address del 10.1.0.1/24 dev br0", /10\.1\.0\.1/],
  ["the IPv6 gateway address is gone", "ip address del fd00:1::1/64 dev br0", /fd00:1::1/],
  ["IPv4 forwarding is off", "sysctl -w net.ipv4.ip_forward=0", /IPv4 forwarding/],
  ["IPv6 forwarding is off", "sysctl -w net.ipv6.conf.all.forwarding=0", /IPv6 forwarding/],
  [
    "the reservation is gone",
    "rm /var/lib/cni/networks/net/10.1.0.2 /var/lib/cni/networks/net/fd00:1::2",
    /id-a/,
  ],
];

describe.runIf(canRun(...programs))("CHECK fails and says what is wrong when", () => {
  test.each(drifts)("%s", async (_drift, command, words) => {
    await using stage = await attached();
    await stage.host.check(stage.pod, config, stage.result);
    await stage.shell(command);
    failed(await stage.check(), 999, words);
  });

  test("the bridge is no longer promiscuous", async () => {
    await using stage = await attached({ hairpinMode: false, promiscMode: true });
    expect((await stage.check()).exitCode).toBe(0);
    await stage.shell("ip link set br0 promisc off");
    failed(await stage.check(), 999, /promisc/);
  });

  test("the bridge is of another kind", async () => {
    await using stage = await attached();
    await stage.shell("ip link del br0; ip link add br0 type veth peer name x");
    failed(await stage.check(), 7, /br0.*veth/);
  });

  test("several things are wrong: it names all of them", async () => {
    await using stage = await attached();
    await stage.shell(
      `ip link set br0 down; ${inside} address del fd00:1::2/64 dev eth0; ${inside} route del 192.0.2.0/24`,
    );
    const error = failed(await stage.check(), 999);
    for (const words of ["br0", "fd00:1::2/64", "192.0.2.0/24"]) expect(error.msg).toContain(words);
  });
});

/** What later plugins of a chain, other attachments and operators do, and may. */
const benign: [string, string][] = [
  ["the container has one more address", `${inside} address add 10.77.0.2/24 dev eth0`],
  ["the container has one more route", `${inside} route add 198.51.100.0/24 via 10.1.0.9`],
  ["the container has one more interface", `${inside} link add dummy1 type bridge`],
  [
    "sbr moved the routes to a table of their own",
    `${inside} rule add from 10.1.0.2 table 100; ${inside} route add default via 10.1.0.1 table 100; ${inside} route del default`,
  ],
  ["a later plugin made the MTU smaller", `${inside} link set eth0 mtu 1300`],
  ["the bandwidth is limited", "tc qdisc add dev $PORT root tbf rate 10mbit burst 100kb latency 10ms"],
  ["a sniffer watches the bridge", "ip link set br0 promisc on"],
  ["the bridge has one more address", "ip address add 10.78.0.1/24 dev br0"],
  [
    "there are rules of other programs",
    "iptables -t nat -I POSTROUTING -s 10.1.0.2 -p tcp -j RETURN; iptables -N X",
  ],
  [
    "the firewall lets through only what it knows",
    "iptables -P FORWARD DROP; iptables -A FORWARD -s 10.1.0.2 -j ACCEPT",
  ],
  ["another container goes", `ip -n b link del eth0`],
  ["the neighbours are known", `${inside} neigh add 10.1.0.1 lladdr 02:00:00:00:00:01 dev eth0`],
  ["parameters of the interface are set", "ip netns exec a sysctl -w net.ipv4.conf.eth0.rp_filter=2"],
];

describe.runIf(canRun("tc", ...programs))("CHECK passes when", () => {
  test.each(benign)("%s", async (_change, command) => {
    await using stage = await attached();
    await stage.shell(command);
    await stage.host.check(stage.pod, config, stage.result);
  });

  test("a later plugin changed the MAC address and wrote it into the result, in capitals", async () => {
    await using stage = await attached({ macspoofchk: false });
    await stage.shell(`${inside} link set eth0 address 02:00:00:00:00:aa`);
    const interfaces = stage.result.interfaces.map((item: { name: string }) =>
      item.name === "eth0" ? { ...item, mac: "02:00:00:00:00:AA" } : item,
    );
    await stage.host.check(stage.pod, { ...config, macspoofchk: false }, { ...stage.result, interfaces });
  });

  test("a later plugin added an interface and an address of its own to the result", async () => {
    await using stage = await attached();
    await stage.shell(`${inside} link add extra type bridge; ${inside} address add 10.79.0.2/24 dev extra`);
    const interfaces = [...stage.result.interfaces, { name: "extra", sandbox: "/run/netns/a" }];
    const ips = [...stage.result.ips, { address: "10.79.0.2/24", interface: 3 }];
    await stage.host.check(stage.pod, config, { ...stage.result, interfaces, ips });
  });

  test("the namespace is called by another path than in ADD", async () => {
    await using stage = await attached();
    await stage.host.check({ ...stage.pod, netns: "/var/run/netns/a" }, config, stage.result);
  });
});

describe.runIf(canRun(...programs))("CHECK", () => {
  test("without prevResult is refused", async () => {
    await using stage = await attached();
    failed(await stage.host.call("CHECK", stage.pod, config), 7, "prevResult");
  });

  test("with the result of another container is refused", async () => {
    await using stage = await attached();
    const other = { ...stage.pod, ifname: "eth7" };
    failed(await stage.host.call("CHECK", other, { ...config, prevResult: stage.result }), 7, "eth7");
  });

  test("of a container whose namespace is gone is refused", async () => {
    await using stage = await attached();
    await stage.host.node.deleteNetns("a");
    failed(await stage.check(), 8, "/run/netns/a");
  });
});
