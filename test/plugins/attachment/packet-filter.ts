/** What other programs may do to the packet filter, as a line for a shell. */

/** Loads a table of ours again with a chain of it at another hook, written as nft prints it: "input priority raw". */
export const moveChain = (chain: string, from: string, to: string, table = "podwire"): string =>
  [
    `nft list table inet ${table} >/run/table`,
    `sed -i '/chain ${chain} {/,/}/ s/hook ${from};/hook ${to};/' /run/table`,
    `grep -q 'hook ${to};' /run/table`,
    `nft delete table inet ${table}`,
    "nft -f /run/table",
  ].join(" && ");
