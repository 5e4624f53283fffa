/** macspoofchk from the first moment: a process that is in the container before its interface is, and never stops sending. */
import { describe, expect, test } from "vitest";
import { canRun, type Node } from "../../helpers/index.ts";
import { sweepSize } from "../../helpers/sweep.ts";
import { Host, hostLocal, type Keys, l2Network, network, type Pod, programs, subnet6 } from "./host.ts";

const FORGED = "02:de:ad:be:ef:01";

/**
 * Sends broadcasts from that address through eth1 (packet(7)), as soon as there is such an interface; prints a line at its start,
 * and one when the first frame is sent. SIOCGIFINDEX is 0x8933, AF_PACKET 17, SOCK_RAW 3; 0x88b5 is for experiments (IEEE 802).
 */
const forger = `
  $| = 1; print "ready\\n";
  my $frame = pack("H12 H12 n x60", "f" x 12, "${FORGED.replaceAll(":", "")}", 0x88b5);
  socket(my $socket, 17, 3, 0) or die $!;
  my $request = pack("a16 x24", "eth1");
  1 until ioctl($socket, 0x8933, $request);
  my $to = pack("S n i S C C a8", 17, 0x88b5, unpack("x16 i", $request), 1, 0, 6, "");
  1 until send($socket, $frame, 0, $to);
  print "sending\\n";
  while (1) { send($socket, $frame, 0, $to) }
`;

/** Begins to count the forged frames that an interface takes in; the kernel counts, and misses none. */
const startCounting = async (node: Node, name: string, netns?: string) => {
  const inside = netns === undefined ? {} : { netns };
  const rules = `table netdev witness {
    chain in { type filter hook ingress device "${name}" priority 0; ether saddr ${FORGED} counter; }
  }`;
  await node.exec("nft", ["-f", "-"], { input: rules, ...inside });
  return async (): Promise<number> => {
    const { stdout } = await node.exec("nft", ["list", "table", "netdev", "witness"], inside);
    return Number(/packets (\d+)/.exec(stdout)?.[1]);
  };
};

/** One attachment of a container that forges frames all the while, and for a moment longer. */
const attachForger = async (host: Host, victim: Pod, config: Keys): Promise<void> => {
  await using running = host.node.start("perl", ["-e", forger], { netns: victim.name });
  await running.firstLine();
  await host.add(victim, config);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await running.stop("SIGKILL")).stdout).toBe("ready\nsending");
  await host.del(victim, config);
};

/** Several of them: how many forged frames reach a neighbour, and the node itself. */
const attack = async (config: Keys, times: number): Promise<number[]> => {
  await using host = await Host.create();
  const [friend, victim] = await host.pods("friend", "a");
  await host.add(friend, config);
  const counts = [await startCounting(host.node, "eth0", "friend"), await startCounting(host.node, "br0")];
  for (let time = 0; time < times; time++) await attachForger(host, { ...victim, ifname: "eth1" }, config);
  return await Promise.all(counts.map((count) => count()));
};

const networks: [string, Keys][] = [
  ["with gateway and masquerade", network({ isGateway: true, ipMasq: true })],
  ["of layer 2", l2Network()],
  ["that looks for duplicates", network({ ipam: hostLocal([subnet6]), enabledad: true })],
];

describe.runIf(canRun("perl", ...programs))("a container that forges frames while it is attached", () => {
  test.each(networks)("gets none through with macspoofchk: network %s", async (_kind, keys) => {
    expect(await attack({ ...keys, macspoofchk: true }, sweepSize({ spread: 3, all: 10 }))).toEqual([0, 0]);
  });

  test.each(networks)("gets some through without: network %s", async (_kind, keys) => {
    for (const count of await attack(keys, 1)) expect(count).toBeGreaterThan(0);
  });
});
