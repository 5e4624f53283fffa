/** hairpinMode and promiscMode by the frames that pass, counted by the kernel where they come in. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { Host, type Keys, network, programs } from "./host.ts";

/** Begins to count the pings from that address that an interface takes in. */
const startCounting = async (host: Host, name: string, mac: string, netns?: string) => {
  const inside = netns === undefined ? {} : { netns };
  const rules = `table netdev witness {
    chain in { type filter hook ingress device "${name}" priority 0; ether saddr ${mac} icmp type echo-request counter; }
  }`;
  await host.node.exec("nft", ["-f", "-"], { input: rules, ...inside });
  return async (): Promise<number> => {
    const { stdout } = await host.node.exec("nft", ["list", "table", "netdev", "witness"], inside);
    return Number(/packets (\d+)/.exec(stdout)?.[1]);
  };
};

const attachPair = async (keys: Keys) => {
  const host = await Host.create();
  const [a, b] = await host.pods("a", "b");
  const config = network({ isGateway: true, ...keys });
  const mac: string = (await host.add(a, config)).interfaces[2].mac;
  await host.add(b, config);
  return { host, mac, [Symbol.asyncDispose]: () => host.node.dispose() };
};

describe.runIf(canRun(...programs))("hairpinMode", () => {
  test.each([
    [true, 3],
    [false, 0],
  ])("%s: of three broadcasts the sender gets back %i", async (hairpinMode, expected) => {
    await using stage = await attachPair({ hairpinMode });
    const { host, mac } = stage;
    const count = await startCounting(host, "eth0", mac, "a");
    const script = "for n in 1 2 3; do ping -b -c 1 -W 1 10.1.0.255; done >/dev/null 2>&1 || true";
    await host.node.exec("sh", ["-c", script], { netns: "a" });
    // An answer of the gateway shows that all before it has passed.
    await host.node.exec("ping", ["-c", "1", "-W", "5", "10.1.0.1"], { netns: "a" });
    expect(await count()).toBe(expected);
  });
});

describe.runIf(canRun(...programs))("promiscMode", () => {
  test.each([
    [true, 3],
    [false, 0],
  ])("%s: of three frames from one container to another the host sees %i", async (promiscMode, expected) => {
    await using stage = await attachPair({ promiscMode });
    const { host, mac } = stage;
    // Until both know each other, the first frames are for everybody.
    await host.node.exec("ping", ["-c", "1", "-W", "5", "10.1.0.3"], { netns: "a" });
    const count = await startCounting(host, "br0", mac);
    await host.node.exec("ping", ["-c", "3", "-i", "0.1", "-W", "5", "10.1.0.3"], { netns: "a" });
    expect(await count()).toBe(expected);
  });
});
