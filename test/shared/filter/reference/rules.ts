/** The rules of the reference plugins' nftables backends, for nft: Debian's version has only the iptables backend. */
import { createHash } from "node:crypto";

export interface Owner {
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
}

const hash = (text: string) => createHash("sha512").update(text).digest("hex").slice(0, 16);

export const comment = ({ network, containerId, ifname }: Owner) =>
  `${hash(network)}-${hash(`${ifname}:${containerId}`)}, net: ${network}, if: ${ifname}, id: ${containerId}`.slice(
    0,
    128,
  );

export const masqueradeRule = (who: Owner, address: string, network: string) =>
  `${address.includes(":") ? "ip6" : "ip"} saddr ${address} ${address.includes(":") ? "ip6" : "ip"} daddr != ${network} masquerade comment "${comment(who)}"`;

export const masqueradeTable = (rules: readonly string[]) => `
  table inet cni_plugins_masquerade {
    comment "Masquerading"
    chain masq_checks { ${rules.join("; ")}; }
    chain postrouting {
      type nat hook postrouting priority srcnat;
      ip daddr 224.0.0.0/4 return; ip6 daddr ff00::/8 return; goto masq_checks
    }
  }`;

/** The forms in which versions of the reference since 1.6 have host ports. */
export const forms = ["a chain for ports of one address", "all ports in one chain"] as const;
export type Form = (typeof forms)[number];

/** The chains of a family of host ports: entry, ports, and masquerade. */
export function portTable(
  family: "ip" | "ip6",
  form: Form,
  ports: readonly string[],
  ofOneAddress: readonly string[],
  masquerades: readonly string[],
) {
  const isOld = form === forms[0];
  const jump = isOld ? "jump hostip_hostports; jump hostports" : "fib daddr type local jump hostports_all";
  const local = isOld ? "jump hostip_hostports; fib daddr type local jump hostports" : jump;
  return `
  table ${family} cni_hostport {
    comment "CNI portmap plugin"
    chain hostports { ${[...ports, ...(isOld ? [] : ofOneAddress)].join("; ")}; }
    chain hostip_hostports { ${(isOld ? ofOneAddress : []).join("; ")}; }
    chain hostports_all { jump hostip_hostports; jump hostports; }
    chain prerouting { type nat hook prerouting priority -100; ${jump}; }
    chain output { type nat hook output priority -100; ${local}; }
    chain masquerading { type nat hook postrouting priority srcnat; ${masquerades.join("; ")}; }
  }`.replaceAll("{ ;", "{");
}
