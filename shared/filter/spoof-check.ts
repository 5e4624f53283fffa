/**
 * macspoofchk: frames of a bridge port must carry the attachment's own source MAC address, or they are dropped. Pure.
 *
 * One rule serves all ports. The set `guarded` holds the ports to look at, the set `allowed` each port with its MAC address, so
 * neither a frame nor an ADD pays for the ports that exist.
 */
import { ownerComment } from "../cni/attachment.ts";
import {
  counter,
  decide,
  Header,
  loadMeta,
  loadPayload,
  lookup,
  Meta,
  registerAt,
  Verdict,
} from "../nftables/expression.ts";
import type { Rule } from "../nftables/message.ts";
import { dataTypes, interfaceKey } from "../nftables/set.ts";
import { bridgeTable, type Feature, type Structure } from "./structure.ts";

const guarded = {
  table: bridgeTable,
  name: "guarded",
  key: [dataTypes.interfaceName],
  comment: "bridge ports with a MAC address of their own",
};
const allowed = {
  table: bridgeTable,
  name: "allowed",
  key: [dataTypes.interfaceName, dataTypes.etherAddress],
  comment: "each guarded port with its MAC address",
};

const ADDRESS = registerAt(dataTypes.interfaceName.length);

const rule: Rule = {
  comment: "drop frames with a forged source address",
  expressions: [
    loadMeta(Meta.iifname, registerAt(0)),
    lookup(guarded.name, registerAt(0)),
    // Once more: nft lists a rule readably only if each match loads what it looks at.
    loadMeta(Meta.iifname, registerAt(0)),
    // struct ethhdr: destination, then source, six bytes each.
    loadPayload(Header.link, 6, 6, ADDRESS),
    lookup(allowed.name, registerAt(0), true),
    counter(),
    decide({ code: Verdict.drop }),
  ],
};

const structure: Structure = {
  sets: [guarded, allowed],
  chains: [
    {
      table: bridgeTable,
      name: "prerouting",
      // NF_BR_PRI_NAT_DST_BRIDGED, before anything may change the frame: include/uapi/linux/netfilter_bridge.h.
      hook: { type: "filter", number: 0, priority: -300 },
      rules: [rule],
    },
  ],
};

/** "02:00:00:00:00:01" as six bytes. */
const macBytes = (mac: string): Uint8Array =>
  Uint8Array.from(mac.split(":"), (part) => Number.parseInt(part, 16));

export const spoofCheck: Feature = {
  kind: "spoof",
  name: '"macspoofchk"',
  advice:
    "load or install the kernel module nft_meta_bridge (CONFIG_NF_TABLES_BRIDGE), or set macspoofchk to false",
  groupsOf: (record) => (record.spoofCheck === undefined ? [] : [{ kind: "spoof" }]),
  elementsOf: ({ owner, spoofCheck: wanted }) => {
    if (wanted === undefined) return [];
    const port = interfaceKey(wanted.port);
    const [comment, what] = [ownerComment(owner), `the MAC address ${wanted.mac} of the port ${wanted.port}`];
    const place = (set: string, key: readonly Uint8Array[]) => ({
      table: bridgeTable,
      set,
      element: { key, comment },
      what,
    });
    return [place(guarded.name, [port]), place(allowed.name, [port, macBytes(wanted.mac)])];
  },
  structureOf: (groups) =>
    groups.some(({ kind }) => kind === "spoof") ? structure : { sets: [], chains: [] },
};
