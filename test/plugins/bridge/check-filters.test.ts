import { describe, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { failed, Host, hostLocal, network, programs, subnet4, subnet6 } from "./host.ts";

const config = network({
  isGateway: true,
  ipMasq: true,
  macspoofchk: true,
  ipam: hostLocal([subnet4, subnet6]),
});

const table = "bridge podwire";

/** What other programs do to our rules, and what CHECK must say then. */
const losses: [string, string, RegExp][] = [
  ["the nat table was flushed", "iptables -t nat -F", /masquerad/i],
  ["the IPv6 nat table was flushed", "ip6tables -t nat -F", /masquerad/i],
  ["the jump from POSTROUTING was taken out", "iptables -t nat -F POSTROUTING", /masquerad/i],
  ["our chain was emptied", "iptables -t nat -F PODWIRE-MASQ", /masquerad/i],
  [
    "the rule that masquerades was taken out",
    "iptables -t nat -D PODWIRE-MASQ $(iptables -t nat -S PODWIRE-MASQ | grep -c ^-A)",
    /masquerad/i,
  ],
  ["the whole packet filter was flushed", "nft flush ruleset", /masquerad|spoof/i],
  ["the address was taken out of its set", "ipset del podwire-masq4 10.1.0.2", /10\.1\.0\.2/],
  ["the IPv6 address was taken out of its set", "ipset del podwire-masq6 fd00:1::2", /fd00:1::2/],
  ["the set was emptied", "ipset flush podwire-masq4", /10\.1\.0\.2/],
  [
    "the address now belongs to another container",
    "ipset del podwire-masq4 10.1.0.2; ipset add podwire-masq4 10.1.0.2 comment 'podwire network=net container=other interface=eth0 in 10.1.0.0/24'",
    /10\.1\.0\.2/,
  ],
  ["the spoof check's table was taken out", `nft delete table ${table}`, /spoof|MAC/],
  ["the spoof check's rule was taken out", `nft flush chain ${table} prerouting`, /spoof|MAC/],
  ["the spoof check no longer guards the port", `nft flush set ${table} guarded`, /spoof|MAC/],
  ["the spoof check no longer knows the address", `nft flush set ${table} allowed`, /spoof|MAC/],
];

const attached = async () => {
  const host = await Host.create();
  const pod = await host.pod("a");
  const result = await host.add(pod, config);
  const env = { PATH: process.env["PATH"] ?? "", PORT: result.interfaces[1].name };
  const shell = (command: string) => host.node.exec("sh", ["-ec", command], { env });
  return { host, pod, result, shell, [Symbol.asyncDispose]: () => host.node.dispose() };
};

describe.runIf(canRun(...programs))("CHECK fails and says what is wrong when", () => {
  test.each(losses)(
    "%s; another ADD on the network repairs what is shared",
    async (_loss, command, words) => {
      await using stage = await attached();
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
  test("rules of the masquerade were saved and loaded again", async () => {
    await using stage = await attached();
    await stage.shell(
      "iptables-save > /run/rules; iptables -t nat -F; iptables-restore < /run/rules; rm /run/rules",
    );
    await stage.host.check(stage.pod, config, stage.result);
  });

  test("others put their rules before ours", async () => {
    await using stage = await attached();
    await stage.shell(
      "iptables -t nat -I POSTROUTING -p udp -j RETURN; iptables -t nat -I PODWIRE-MASQ -d 192.0.2.0/24 -j RETURN",
    );
    await stage.host.check(stage.pod, config, stage.result);
    if (!(await ping(stage.host.node, "10.1.0.1", { netns: "a" }))) throw new Error("no answer");
  });
});
