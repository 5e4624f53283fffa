import { describe, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { failed, Host, hostLocal, type Keys, network, programs, subnet4, subnet6 } from "./host.ts";

const keys = { isGateway: true, ipMasq: true, macspoofchk: true, ipam: hostLocal([subnet4, subnet6]) };
const configOf = (ipMasqBackend: "iptables" | "nftables") => network({ ...keys, ipMasqBackend });

/** What other programs do to our rules, and what CHECK must say then. */
const losses = {
  iptables: [
    ["the nat table was flushed", "iptables -t nat -F", /masquerad/i],
    ["the IPv6 nat table was flushed", "ip6tables -t nat -F", /masquerad/i],
    ["the jump from POSTROUTING was taken out", "iptables -t nat -F POSTROUTING", /masquerad/i],
    ["our chain was emptied", "iptables -t nat -F PODWIRE-POSTROUTING", /masquerad/i],
    [
      "the container's chain was emptied",
      "iptables -t nat -F $(iptables -t nat -S | sed -n 's/^-N \\(PODWIRE-[0-9a-f]*\\)$/\\1/p')",
      /masquerad/i,
    ],
    ["the whole packet filter was flushed", "nft flush ruleset", /masquerad|spoof/i],
  ],
  nftables: [
    ["the whole packet filter was flushed", "nft flush ruleset", /masquerad|spoof/i],
    ["the table was taken out", "nft delete table inet podwire", /masquerad/],
    ["the chain was emptied", "nft flush chain inet podwire postrouting", /masquerad/],
    ["the network's chain was emptied", "nft flush chain inet podwire from4-net-10.1.0.0/24", /masquerad/],
    [
      "the address was taken out of its set",
      "nft delete element inet podwire pods4-net-10.1.0.0/24 { 10.1.0.2 }",
      /10\.1\.0\.2/,
    ],
    ["the set was emptied", "nft flush set inet podwire pods6-net-fd00_1__/64", /pods6-net/],
    [
      "the address now belongs to another container",
      `nft 'delete element inet podwire pods4-net-10.1.0.0/24 { 10.1.0.2 }; add element inet podwire pods4-net-10.1.0.0/24 { 10.1.0.2 comment "podwire network=net container=other interface=eth0" }'`,
      /10\.1\.0\.2/,
    ],
    ["the spoof check's table was taken out", "nft delete table bridge podwire", /spoof|MAC/],
    ["the spoof check's rule was taken out", "nft flush chain bridge podwire prerouting", /spoof|MAC/],
    ["the spoof check no longer guards the port", "nft flush set bridge podwire guarded", /spoof|MAC/],
    ["the spoof check no longer knows the address", "nft flush set bridge podwire allowed", /spoof|MAC/],
  ],
} as const satisfies Record<string, readonly (readonly [string, string, RegExp])[]>;

const cases = (["iptables", "nftables"] as const).flatMap((backend) =>
  losses[backend].map(([loss, command, words]) => ({ backend, loss, command, words })),
);

const attached = async (config: Keys) => {
  const host = await Host.create();
  const pod = await host.pod("a");
  const result = await host.add(pod, config);
  const env = { PATH: process.env["PATH"] ?? "", PORT: result.interfaces[1].name };
  const shell = (command: string) => host.node.exec("sh", ["-ec", command], { env });
  return { host, pod, result, shell, [Symbol.asyncDispose]: () => host.node.dispose() };
};

describe.runIf(canRun(...programs))("CHECK fails and says what is wrong when", () => {
  test.each(cases)(
    "$loss; another ADD repairs what is shared ($backend)",
    async ({ backend, command, words }) => {
      const config = configOf(backend);
      await using stage = await attached(config);
      const { host, pod, result } = stage;
      await host.check(pod, config, result);
      await stage.shell(command);
      failed(await host.call("CHECK", pod, { ...config, prevResult: result }), 999, words);
      // The next attachment needs the shared rules itself, so they are there again for it.
      const other = await host.pod("b");
      await host.check(other, config, await host.add(other, config));
    },
  );
});

describe.runIf(canRun(...programs))("CHECK passes when", () => {
  test("rules of iptables were saved and loaded again", async () => {
    const config = configOf("iptables");
    await using stage = await attached(config);
    await stage.shell(
      "iptables-save > /run/rules; iptables -t nat -F; iptables-restore < /run/rules; rm /run/rules",
    );
    await stage.host.check(stage.pod, config, stage.result);
  });

  test("others put their rules before ours", async () => {
    const config = configOf("iptables");
    await using stage = await attached(config);
    await stage.shell("iptables -t nat -I POSTROUTING -p udp -j RETURN");
    await stage.host.check(stage.pod, config, stage.result);
    if (!(await ping(stage.host.node, "10.1.0.1", { netns: "a" }))) throw new Error("no answer");
  });
});
