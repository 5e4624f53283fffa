import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { failed, Host, hostLocal, network, programs, subnet4, subnet6 } from "./host.ts";

const config = network({
  ipMasq: true,
  mtu: 1400,
  ipam: hostLocal([subnet4, subnet6], {
    routes: [{ dst: "0.0.0.0/0" }, { dst: "192.0.2.0/24", mtu: 1300 }, { dst: "::/0" }],
  }),
});

/** A host with two containers; $END, $OUTER and $MAC stand for the first one's in commands. */
const attached = async () => {
  const host = await Host.create();
  const pod = await host.pod("a");
  const result = await host.add(pod, config);
  await host.add(await host.pod("b"), config);
  const [outer, inner] = result.interfaces;
  const env = { PATH: process.env["PATH"] ?? "", END: outer.name, OUTER: outer.mac, MAC: inner.mac };
  const shell = (command: string) => host.node.exec("sh", ["-ec", command], { env });
  const check = () => host.call("CHECK", pod, { ...config, prevResult: result });
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
  ["its MTU is larger than the other end's", `${inside} link set eth0 mtu 1450`, /1450/],
  ["its IPv4 address is gone", `${inside} address del 10.1.0.2/24 dev eth0`, /10\.1\.0\.2\/24/],
  ["its IPv6 address is gone", `${inside} address del fd00:1::2/64 dev eth0`, /fd00:1::2\/64/],
  ["the route to the gateway is gone", `${inside} route del 10.1.0.1`, /10\.1\.0\.1\/32/],
  ["the IPv6 route to the gateway is gone", `${inside} route del fd00:1::1`, /fd00:1::1\/128/],
  ["the route to its network is gone", `${inside} route del 10.1.0.0/24`, /10\.1\.0\.0\/24/],
  ["the route to its IPv6 network is gone", `${inside} route del fd00:1::/64`, /fd00:1::\/64/],
  ["the default route is gone", `${inside} route del default`, /0\.0\.0\.0\/0/],
  ["the IPv6 default route is gone", `${inside} -6 route del default`, /::\/0/],
  ["a route has another MTU", `${inside} route change 192.0.2.0/24 via 10.1.0.1 mtu 1200`, /192\.0\.2\.0/],
  [
    "the gateway has a wrong MAC address for ever",
    `${inside} neigh replace 10.1.0.1 lladdr 02:00:00:00:00:01 dev eth0`,
    /10\.1\.0\.1.*02:00:00:00:00:01/,
  ],
  [
    "the container has a wrong MAC address for ever",
    "ip neigh replace fd00:1::2 lladdr 02:00:00:00:00:01 dev $END",
    /fd00:1::2.*02:00:00:00:00:01/,
  ],
  ["the host's end has another name", "ip link set $END down; ip link set $END name other", /other/],
  ["it is down", "ip link set $END down", /veth.*down/],
  ["its MTU is smaller", "ip link set $END mtu 1390", /1390/],
  ["its MAC address changed", "ip link set $END address 02:00:00:00:00:98", /02:00:00:00:00:98/],
  ["the gateway address is gone", "ip address del 10.1.0.1/32 dev $END", /10\.1\.0\.1\/32/],
  ["the IPv6 gateway address is gone", "ip address del fd00:1::1/128 dev $END", /fd00:1::1\/128/],
  ["the host's route is gone", "ip route del 10.1.0.2", /10\.1\.0\.2\/32/],
  ["the host's IPv6 route is gone", "ip route del fd00:1::2", /fd00:1::2\/128/],
  [
    "another route hides the host's",
    "ip link add other type veth peer name x; ip link set other up; ip route prepend 10.1.0.2 dev other",
    /10\.1\.0\.2\/32/,
  ],
  ["the host has a blackhole for it", "ip route replace blackhole 10.1.0.2", /10\.1\.0\.2\/32/],
  ["IPv4 forwarding is off", "sysctl -w net.ipv4.ip_forward=0", /IPv4 forwarding/],
  ["IPv6 forwarding is off", "sysctl -w net.ipv6.conf.all.forwarding=0", /IPv6 forwarding/],
  [
    "forwarding is off on the host's end",
    "sysctl -w net.ipv4.conf.$END.forwarding=0",
    /IPv4 forwarding.*veth/,
  ],
  ["masquerade is gone", "nft flush chain inet podwire postrouting", /masquerad/i],
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

  test("several things are wrong: it names all of them", async () => {
    await using stage = await attached();
    await stage.shell(
      `ip address del 10.1.0.1/32 dev $END; ip route del fd00:1::2; ${inside} route del 192.0.2.0/24`,
    );
    const error = failed(await stage.check(), 999);
    for (const words of ["10.1.0.1/32", "fd00:1::2/128", "192.0.2.0/24"]) expect(error.msg).toContain(words);
  });
});

/** What later plugins of a chain, other attachments and operators do, and may. */
const benign: [string, string][] = [
  ["the container has one more address", `${inside} address add 10.77.0.2/24 dev eth0`],
  ["the container has one more route", `${inside} route add 198.51.100.0/24 via 10.1.0.1`],
  [
    "sbr moved the routes to a table of their own",
    `${inside} rule add from 10.1.0.2 table 100
     ${inside} route add 10.1.0.1 dev eth0 table 100; ${inside} route add default via 10.1.0.1 table 100
     ${inside} route add 10.1.0.0/24 via 10.1.0.1 table 100
     ${inside} route add 192.0.2.0/24 via 10.1.0.1 mtu 1300 table 100; ${inside} -4 route flush table main`,
  ],
  ["a later plugin made the MTU smaller", `${inside} link set eth0 mtu 1300`],
  ["the bandwidth is limited", "tc qdisc add dev $END root tbf rate 10mbit burst 100kb latency 10ms"],
  ["the host's end has one more address", "ip address add 10.78.0.1/24 dev $END"],
  ["no neighbour is known", `${inside} neigh flush dev eth0; ip neigh flush dev $END`],
  [
    "the neighbours are known for ever",
    `${inside} neigh replace 10.1.0.1 lladdr $OUTER dev eth0; ip neigh replace 10.1.0.2 lladdr $MAC dev $END`,
  ],
  [
    "the firewall lets through only what it knows",
    "iptables -P FORWARD DROP; iptables -A FORWARD -s 10.1.0.2 -j ACCEPT",
  ],
  ["another container goes", `ip -n b link del eth0`],
];

describe.runIf(canRun("tc", ...programs))("CHECK passes when", () => {
  test.each(benign)("%s", async (_change, command) => {
    await using stage = await attached();
    await stage.shell(command);
    await stage.host.check(stage.pod, config, stage.result);
  });

  test("a later plugin changed the MAC address and wrote it into the result; and frames pass", async () => {
    await using stage = await attached();
    await stage.shell(`${inside} link set eth0 address 02:00:00:00:00:aa`);
    const interfaces = stage.result.interfaces.map((item: { name: string }) =>
      item.name === "eth0" ? { ...item, mac: "02:00:00:00:00:AA" } : item,
    );
    await stage.host.check(stage.pod, config, { ...stage.result, interfaces });
    // The node has heard of it: no packet is lost.
    for (const address of ["10.1.0.2", "fd00:1::2"]) {
      const { stdout } = await stage.host.node.exec("ping", ["-n", "-c", "1", "-W", "5", address]);
      expect(stdout).toContain("1 received");
    }
  });

  test("a later plugin added an interface and an address of its own to the result", async () => {
    await using stage = await attached();
    await stage.shell(`${inside} link add extra type bridge; ${inside} address add 10.79.0.2/24 dev extra`);
    const interfaces = [...stage.result.interfaces, { name: "extra", sandbox: "/run/netns/a" }];
    const ips = [...stage.result.ips, { address: "10.79.0.2/24", interface: 2 }];
    await stage.host.check(stage.pod, config, { ...stage.result, interfaces, ips });
  });
});

describe.runIf(canRun(...programs))("CHECK", () => {
  test("without prevResult is refused", async () => {
    await using stage = await attached();
    failed(await stage.host.call("CHECK", stage.pod, config), 7, "prevResult");
  });

  test("of a container whose namespace is gone is refused", async () => {
    await using stage = await attached();
    await stage.host.node.deleteNetns("a");
    failed(await stage.check(), 8, "/run/netns/a");
  });
});
