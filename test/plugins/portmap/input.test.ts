import { describe, expect, test } from "vitest";
import { canRun, startEcho } from "../../helpers/index.ts";
import { hostState } from "../attachment/kernel-state.ts";
import { backends, bridgeConfig, failed, type Keys, PortHost, type PortMapping, programs } from "./host.ts";

const mapping = { hostPort: 8080, containerPort: 80 };
const invalid = 7;

/** A mapping as a careless runtime may send it. */
const odd = (keys: Keys) => ({ ...mapping, ...keys }) as unknown as PortMapping;

const refused: readonly (readonly [string, readonly PortMapping[], number, RegExp])[] = [
  ["the host port 0", [odd({ hostPort: 0 })], invalid, /hostPort.*is 0/],
  ["the host port 65536", [odd({ hostPort: 65536 })], invalid, /hostPort.*65536/],
  ["a negative port", [odd({ containerPort: -1 })], invalid, /containerPort.*-1/],
  ["a fraction", [odd({ hostPort: 80.5 })], 6, /hostPort.*whole number/],
  ["no host port", [odd({ hostPort: undefined })], invalid, /hostPort.*missing/],
  ["an unknown protocol", [odd({ protocol: "icmp" })], invalid, /protocol.*icmp/],
  ["a multicast address", [odd({ hostIP: "224.0.0.1" })], invalid, /hostIP.*multicast.*224\.0\.0\.1/],
  ["a multicast address in IPv6", [odd({ hostIP: "ff02::1" })], invalid, /hostIP.*multicast/],
  ["a broadcast", [odd({ hostIP: "255.255.255.255" })], invalid, /hostIP.*broadcast.*255/],
  ["null for a mapping", [null as unknown as PortMapping], 6, /portMappings\[0\].*an object.*is null/],
  ["a text that is not an address", [odd({ hostIP: "10.1.0" })], invalid, /hostIP.*10\.1\.0/],
  ["the container's port 0", [odd({ containerPort: 0 })], invalid, /containerPort.*is 0/],
];

const refusedKeys: readonly (readonly [string, Keys, RegExp])[] = [
  ["an unknown backend", { backend: "pf" }, /backend.*pf/],
  ["a mark bit beyond 31", { markMasqBit: 32 }, /MasqMarkBit must be between 0 and 31/],
  ["a negative mark bit", { markMasqBit: -1 }, /MasqMarkBit/],
  [
    "a mark bit beside a chain for marks",
    { externalSetMarkChain: "X", markMasqBit: 3 },
    /Cannot specify externalSetMarkChain and markMasqBit/,
  ],
  ["a chain's name that would be more", { externalSetMarkChain: 'X" -j ACCEPT' }, /externalSetMarkChain/],
  [
    "conditions for both backends",
    { backend: undefined, conditionsV4: ["ip", "saddr", "10.0.0.1"], conditionsV6: ["-s", "fd00::1"] },
    /conditionsV6.*written for iptables.*conditionsV4 for nftables.*both/,
  ],
  [
    "conditions for both backends, the other way",
    { backend: undefined, conditionsV6: ["ip6", "saddr", "fd00::1"], conditionsV4: ["!", "-s", "10.0.0.1"] },
    /conditionsV6.*written for nftables.*conditionsV4 for iptables/,
  ],
  [
    "a condition in both languages, iptables first",
    { backend: undefined, conditionsV4: ["-s", "10.0.0.1", "ip", "saddr", "10.0.0.1"] },
    /conditionsV4.*iptables.*saddr/,
  ],
  [
    "a condition in both languages, nftables first",
    { backend: undefined, conditionsV4: ["ip", "saddr", "10.0.0.1", "-s", "10.0.0.1"] },
    /conditionsV4.*nftables.*-s/,
  ],
  [
    "conditions for nftables beside a chain of iptables",
    { backend: undefined, externalSetMarkChain: "X", conditionsV4: ["ip", "saddr", "10.0.0.1"] },
    /conditionsV4.*nftables.*iptables/,
  ],
  [
    "a condition with a line break",
    { conditionsV4: ["-d", "10.0.0.1\n-A INPUT -j ACCEPT"] },
    /control character/,
  ],
];

describe.runIf(canRun(...programs)).each(backends)(
  "bad input is refused, and nothing is changed (%s)",
  (backend) => {
    test.each(refused)("%s", async (_, mappings, code, words) => {
      await using host = await PortHost.create(backend);
      const pod = await host.bridge.pod("a");
      const result = await host.bridge.add(pod, bridgeConfig());
      const before = await hostState(host.node);
      failed(await host.portmap.call("ADD", pod, host.config(mappings, result)), code, words);
      expect(await hostState(host.node)).toEqual(before);
    });

    test.each(refusedKeys)("%s", async (_, keys, words) => {
      await using host = await PortHost.create(backend);
      const pod = await host.bridge.pod("a");
      const result = await host.bridge.add(pod, bridgeConfig());
      const before = await hostState(host.node);
      failed(await host.portmap.call("ADD", pod, host.config([mapping], result, keys)), invalid, words);
      expect(await hostState(host.node)).toEqual(before);
    });

    test("a call without prevResult, with ports or without", async () => {
      await using host = await PortHost.create(backend);
      const pod = await host.bridge.pod("a");
      for (const mappings of [[mapping], undefined]) {
        failed(await host.portmap.call("ADD", pod, host.config(mappings)), invalid, /ADD needs prevResult/);
        failed(
          await host.portmap.call("CHECK", pod, host.config(mappings)),
          invalid,
          /CHECK needs prevResult/,
        );
      }
    });

    test("no ports: the result is handed on, and nothing is made", async () => {
      await using host = await PortHost.create(backend);
      const pod = await host.bridge.pod("a");
      const result = await host.bridge.add(pod, bridgeConfig());
      const before = await host.node.snapshot();
      for (const mappings of [undefined, []]) {
        expect(await host.portmap.add(pod, host.config(mappings, result))).toEqual(result);
        await host.check(pod, [], result);
        await host.detach(pod);
      }
      expect(await host.node.snapshot()).toEqual(before);
    });
  },
);

const networks = (count: number) =>
  Array.from({ length: count }, (_, at) => `10.${at >> 8}.${at & 255}.0/25`).join(", ");

describe.runIf(canRun(...programs))("conditions of nftables that become too much", () => {
  test.each([
    ["rules", `ip saddr { ${networks(1001)} }`, /conditionsV4.*makes 1001 rules.*1000/],
    ["rules, of two lists", `ip saddr { ${networks(40)} } ip daddr { ${networks(40)} }`, /makes 1600 rules/],
    ["for one rule", `ip saddr != { ${networks(60)} }`, /conditionsV4.*more networks behind !=/],
  ])("%s: are refused, and nothing is changed", async (_, condition, words) => {
    await using host = await PortHost.create("nftables");
    const pod = await host.bridge.pod("a");
    const result = await host.bridge.add(pod, bridgeConfig());
    const before = await hostState(host.node);
    const conditionsV4 = [condition];
    const run = await host.portmap.call("ADD", pod, host.config([mapping], result, { conditionsV4 }));
    failed(run, invalid, words);
    expect(await hostState(host.node)).toEqual(before);
  });

  test.each([
    ["1000 rules", `ip saddr { ${networks(1000)} }`],
    ["40 networks behind !=", `ip saddr != { ${networks(40)} }`],
  ])("%s are made", async (_, condition) => {
    await using host = await PortHost.create("nftables");
    const pod = await host.bridge.pod("a");
    const result = await host.attach(pod, [mapping], { conditionsV4: [condition] });
    await host.check(pod, [mapping], result, { conditionsV4: [condition] });
  });
});

describe.runIf(canRun(...programs))("words of conditions (iptables)", () => {
  test("that would make another rule are refused by the tool, and nothing is changed", async () => {
    await using host = await PortHost.create("iptables");
    const pod = await host.bridge.pod("a");
    const result = await host.bridge.add(pod, bridgeConfig());
    await host.warmUp();
    const before = await hostState(host.node);
    for (const conditionsV4 of [
      ["-j", "ACCEPT"],
      ["-A", "OUTPUT"],
      ["-d", '10.0.0.1" -j ACCEPT "'],
    ]) {
      const run = await host.portmap.call("ADD", pod, host.config([mapping], result, { conditionsV4 }));
      failed(run, invalid, /conditionsV4.*iptables-restore/);
      expect(await hostState(host.node)).toEqual(before);
    }
  });

  test("of the other backend are refused", async () => {
    await using host = await PortHost.create("iptables");
    const pod = await host.bridge.pod("a");
    const config = host.config([mapping], { ips: [] }, { conditionsV4: ["ip", "saddr", "10.0.0.1"] });
    failed(await host.portmap.call("ADD", pod, config), invalid, /conditionsV4.*nftables/);
  });

  test("limit what is forwarded", async () => {
    await using host = await PortHost.create("iptables");
    const pod = await host.bridge.pod("a");
    await host.attach(pod, [mapping], { conditionsV4: ["!", "-s", "203.0.113.0/24"] });

    await startEcho(host.node, 80, "a");
    expect(await host.fromOutside(host.outside.nodeAddress4, 8080, 800)).toBeUndefined();
    expect(await host.fromOutside(host.outside.nodeAddress6, 8080)).toBe(host.outside.address6);
    expect(await host.fromNode("127.0.0.1", 8080)).toBe("10.1.0.1");
  });
});
