/** Rules that were saved before a boot and restored after it, when another container has the address of one that is gone. */
import { describe, expect, test } from "vitest";
import { canRun, startEcho } from "../../helpers/index.ts";
import { hostLocal } from "../attachment/host.ts";
import {
  addressesOf,
  type Backend,
  backends,
  bridgeConfig,
  failed,
  type Keys,
  type Pod,
  PortHost,
  programs,
} from "./host.ts";

const mapping = { hostPort: 8080, containerPort: 80 };

/** No other test has these addresses, so no other container of this machine can be taken for the one that is gone. */
const keysOf = (backend: Backend): Keys => ({
  ipam: hostLocal(["10.77.84.0/24", "fd00:77:84::/64"]),
  ipMasqBackend: backend,
});

/** What a boot leaves, and a service that restores the packet filter: rules of `dead`, and nothing else of it. */
async function boot(host: PortHost, dead: Pod): Promise<void> {
  const { name } = dead;
  const [save, restore] =
    host.backend === "nftables"
      ? ["nft list ruleset > /run/saved", "nft -f /run/saved"]
      : [
          "iptables-save > /run/saved; ip6tables-save > /run/saved6",
          "iptables-restore < /run/saved; ip6tables-restore < /run/saved6",
        ];
  await host.node.exec("sh", [
    "-ec",
    `${save}; nft flush ruleset; ip -n ${name} link del eth0; ip link del br0
     rm -r /run/podwire /var/lib/cni; ${restore}; rm /run/saved*`,
  ]);
  await host.node.deleteNetns(name);
}

/** A node whose saved rules lead to the address that the next container gets. */
async function afterBoot(backend: Backend) {
  const host = await PortHost.create(backend);
  const dead = await host.bridge.pod("gone");
  const former = await host.attach(dead, [mapping], {}, keysOf(backend));
  await boot(host, dead);
  return { host, former };
}

const reach = (host: PortHost, milliseconds = 10_000) =>
  Promise.all([
    host.fromOutside(host.outside.nodeAddress4, 8080, milliseconds),
    host.fromOutside(host.outside.nodeAddress6, 8080, milliseconds),
  ]);

const unanswered = [undefined, undefined];
const allAnswered = (host: PortHost) => [host.outside.address4, host.outside.address6];

const kernelRules = async (host: PortHost) => {
  const commands = ["nft list ruleset", "iptables-save", "ip6tables-save"];
  return (await host.node.exec("sh", ["-ec", commands.join("; ")])).stdout;
};

describe.runIf(canRun(...programs)).each(backends)("after saved rules are restored (%s)", (backend) => {
  test("a container without host ports gets no traffic of the one whose address it has; another gets the port", async () => {
    const { host, former } = await afterBoot(backend);
    await using _ = host;
    const [heir, other] = await host.bridge.pods("heir", "other");
    const result = await host.bridge.add(heir, bridgeConfig(keysOf(backend)));
    expect(addressesOf(result)).toEqual(addressesOf(former));
    await startEcho(host.node, 80, "heir");
    expect(await kernelRules(host)).not.toContain("id-gone");
    expect(await reach(host, 1500)).toEqual(unanswered);

    await startEcho(host.node, 81, "other");
    await host.attach(other, [{ hostPort: 8080, containerPort: 81 }], {}, keysOf(backend));
    expect(await reach(host)).toEqual(allAnswered(host));
  });

  test("the container that has the address gets the port that it asks for", async () => {
    const { host, former } = await afterBoot(backend);
    await using _ = host;
    const heir = await host.bridge.pod("heir");
    await startEcho(host.node, 81, "heir");
    const mappings = [{ hostPort: 8080, containerPort: 81 }];
    const result = await host.attach(heir, mappings, {}, keysOf(backend));
    expect(addressesOf(result)).toEqual(addressesOf(former));
    expect(await reach(host)).toEqual(allAnswered(host));
    await host.check(heir, mappings, result);
    expect(await kernelRules(host)).not.toContain("id-gone");
  });

  test.each(["iptables", "nftables"] as const)(
    "another container gets the port with %s, where the one that has the address asks for no rules",
    async (wanted) => {
      const { host, former } = await afterBoot(backend);
      await using _ = host;
      const [heir, other] = await host.bridge.pods("heir", "other");
      const plain = { ...keysOf(backend), ipMasq: false };
      const result = await host.bridge.add(heir, bridgeConfig(plain));
      expect(addressesOf(result)).toEqual(addressesOf(former));
      await startEcho(host.node, 81, "other");
      const mappings = [{ hostPort: 8080, containerPort: 81 }];
      await host.attach(other, mappings, { backend: wanted }, plain);
      expect(await reach(host)).toEqual(allAnswered(host));
      expect(await kernelRules(host)).not.toContain("id-gone");
    },
  );
});

describe.runIf(canRun(...programs)).each(backends)("after records are lost (%s)", (backend) => {
  test("a port stays refused, and its container served, without an alias at the host's end of the pair", async () => {
    await using host = await PortHost.create(backend);
    const [owner, other] = await host.bridge.pods("owner", "other");
    await host.attach(owner, [mapping], {}, keysOf(backend));
    await startEcho(host.node, 80, "owner");
    await host.node.exec("sh", [
      "-ec",
      'rm -r /run/podwire/filter; for port in /sys/class/net/veth*; do ip link set "$(basename "$port")" alias ""; done',
    ]);
    const result = await host.bridge.add(other, bridgeConfig(keysOf(backend)));
    failed(await host.portmap.call("ADD", other, host.config([mapping], result)), 7, /8080.*eth0.*id-owner/);
    expect(await reach(host)).toEqual(allAnswered(host));
  });

  test("an address that host-local has given to another container proves that the port is free", async () => {
    const { host } = await afterBoot(backend);
    await using _ = host;
    const [heir, other] = await host.bridge.pods("heir", "other");
    const plain = { ...keysOf(backend), ipMasq: false };
    await host.bridge.add(heir, bridgeConfig(plain));
    // A pair of another plugin has no alias that names its container.
    await host.node.exec("sh", [
      "-ec",
      'for port in /sys/class/net/veth*; do ip link set "$(basename "$port")" alias ""; done',
    ]);
    await host.attach(other, [mapping], {}, plain);
    await startEcho(host.node, 80, "other");
    expect(await reach(host)).toEqual(allAnswered(host));
  });
});
