import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { failed, PortHost, programs } from "./host.ts";

const mappings = [
  { hostPort: 8080, containerPort: 80 },
  { hostPort: 8081, containerPort: 81, protocol: "udp", hostIP: "203.0.113.2" },
];

const own = "$(iptables-save -t nat | sed -n 's/^:\\(PODWIRE-DN-[^ ]*\\).*/\\1/p')";
const own6 = own.replace("iptables-save", "ip6tables-save");
const remove = (tool: string, table: string, chain: string, pattern: string) =>
  `${tool} -t ${table} -D ${chain} $(${tool} -t ${table} -S ${chain} | grep '^-A' | grep -n -- '${pattern}' | head -1 | cut -d: -f1)`;

/** What programs may do to the packet filter, and what CHECK says then. */
const drifts: readonly (readonly [string, string, RegExp])[] = [
  [
    "a rule of the container's chain is gone",
    `iptables -t nat -D ${own} 1`,
    /host ports: .*PODWIRE-DN-.*IPv4/,
  ],
  ["such a rule is gone in IPv6", `ip6tables -t nat -D ${own6} 1`, /host ports: .*PODWIRE-DN-.*IPv6/],
  ["the container's chain is flushed", `iptables -t nat -F ${own}`, /host ports: .*PODWIRE-DN-/],
  [
    "the container's chain has a rule more",
    `iptables -t nat -A ${own} -j RETURN`,
    /host ports: .*PODWIRE-DN-/,
  ],
  [
    "a rule leads to another port, under the same comment",
    `chain=${own}; rule=$(iptables -t nat -S $chain | grep -n 8080 | cut -d: -f1)
     eval "$(iptables -t nat -S $chain | grep 8080 | sed "s/^-A $chain/iptables -t nat -R $chain $((rule - 1))/; s/:80$/:90/")"`,
    /host ports: .*PODWIRE-DN-/,
  ],
  ["the jumps to it are gone", "iptables -t nat -F PODWIRE-HOSTPORTS", /PODWIRE-HOSTPORTS/],
  [
    "a jump to it is gone",
    remove("iptables", "nat", "PODWIRE-HOSTPORTS", "--dport 8080"),
    /PODWIRE-HOSTPORTS/,
  ],
  [
    "a jump for traffic from outside is gone",
    remove("iptables", "nat", "PREROUTING", "PODWIRE-HOSTPORTS"),
    /host ports.*PREROUTING/,
  ],
  [
    "a jump for traffic of the node is gone",
    remove("ip6tables", "nat", "OUTPUT", "PODWIRE-HOSTPORTS"),
    /host ports.*OUTPUT/,
  ],
  ["nothing is masqueraded", "iptables -t nat -F PODWIRE-MARKED", /PODWIRE-MARKED/],
  ["127.0.0.0/8 is open to neighbours", "iptables -t raw -F", /127\.0\.0\.0\/8.*PREROUTING/],
  [
    "nothing guards 127.0.0.0/8",
    "tc filter del dev br0 ingress",
    /its tc filter .*127\.0\.0\.0\/8.* is missing/,
  ],
  ["127.0.0.1 is not routed", "sysctl -qw net.ipv4.conf.br0.route_localnet=0", /route_localnet/],
];

describe.runIf(canRun(...programs))("CHECK (iptables)", () => {
  test.each(drifts)("fails when %s", async (_, change, words) => {
    await using host = await PortHost.create("iptables");
    const pod = await host.bridge.pod("a");
    const result = await host.attach(pod, mappings);
    await host.check(pod, mappings, result);
    await host.node.exec("sh", ["-ec", change]);
    const config = { ...host.config(mappings), prevResult: result };
    failed(await host.portmap.call("CHECK", pod, config), 999, words);
    // Without a backend in the configuration the chosen one's words count.
    failed(await host.portmap.call("CHECK", pod, { ...config, backend: undefined }), 999, words);
  });

  test("fails without the rules, and with another's; counters and other containers change nothing", async () => {
    await using host = await PortHost.create("iptables");
    const [a, b] = await host.bridge.pods("a", "b");
    const result = await host.attach(a, mappings);
    await host.attach(b, [{ hostPort: 8096, containerPort: 80 }]);
    await host.fromOutside(host.outside.nodeAddress4, 8080, 300);
    await host.check(a, mappings, result);
    const more = [...mappings, { hostPort: 9999, containerPort: 1 }];
    failed(
      await host.portmap.call("CHECK", a, { ...host.config(more), prevResult: result }),
      999,
      /host ports: /,
    );
    await host.detach(a);
    failed(
      await host.portmap.call("CHECK", a, { ...host.config(mappings), prevResult: result }),
      999,
      /PODWIRE-DN-\w+ is missing/,
    );
    expect(await host.fromOutside(host.outside.nodeAddress4, 8080, 300)).toBeUndefined();
  });
});
