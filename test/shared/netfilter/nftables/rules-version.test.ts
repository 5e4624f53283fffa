import { expect, test } from "vitest";
import { createNode, runModule } from "../../../helpers/index.ts";

/** What all kinds of rules do, in one digest. */
const source = `
  import { wantedText } from "./shared/netfilter/nftables/rule-text.ts";
  import { RULES_VERSION } from "./shared/netfilter/nftables/user-data.ts";
  import { fixedSpoofRules } from "./shared/netfilter/spoof-rules.ts";
  import { sha512 } from "./shared/system/hash.ts";
  import { parseCidr } from "./shared/ip/cidr.ts";
  import { chainsOf as masquerade, profileOf } from "./shared/netfilter/nftables/masquerade-rules.ts";
  import { chainsOf as hostPorts } from "./plugins/portmap/nftables/rules.ts";
  import { guardChain } from "./plugins/vxlan/guard-rule.ts";
  const targets = ["10.1.0.2/24", "fd00:1::2/64"].map(parseCidr);
  const forwarding = {
    owner: { network: "n", containerId: "c", ifname: "i" },
    targets, mappings: [], snat: true, masqAll: true, markBit: 13,
    conditions: { 4: ["ip", "saddr", "!=", "192.0.2.0/25", "iifname", "eth0"], 6: [] },
  };
  const profiles = targets.map((cidr) => profileOf(cidr, [parseCidr("192.0.2.0/24")]));
  const guards = [4, 6].map((family) => guardChain({ network: "n", vni: 100, port: 4789, family }));
  const chains = [...masquerade(profiles), ...hostPorts(forwarding), ...guards];
  const rules = chains.flatMap(({ name, first, others = [] }) =>
    [...first, ...others].map((rule) => name + " " + rule.comment + " " + wantedText(rule)));
  const hooks = chains.map(({ name, hook }) => [name, hook]);
  const spoof = fixedSpoofRules().map(({ body }) => String(body));
  const digest = sha512(JSON.stringify([rules, hooks, spoof])).slice(0, 16);
  console.log(JSON.stringify({ version: RULES_VERSION, digest }));`;

test("rules that do something else under the same comment, or see other packets, have another version", async () => {
  await using node = await createNode();
  // Where the digest differs, RULES_VERSION has to be raised with it: ADD takes a rule of this version as it is.
  expect(await runModule(node, source)).toEqual({ version: 2, digest: "cac5a0dff955b939" });
});
