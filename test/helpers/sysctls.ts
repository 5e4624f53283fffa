/**
 * What a new network namespace takes over from the machine. By default that is net.ipv4.conf.all and .default as they are in
 * the machine's first namespace, ip_forward among them; net.core.devconf_inherit_init_net has it otherwise, and may have
 * IPv6's as well (Documentation/admin-guide/sysctl/net.rst). A container host has these set in its own ways. So they are set
 * to what the kernel is compiled with (net/ipv4/devinet.c, net/ipv6/addrconf.c), and no test sees the machine's.
 */
const zeros4 =
  "forwarding rp_filter arp_accept arp_announce arp_filter arp_ignore arp_notify accept_local bc_forwarding " +
  "drop_gratuitous_arp drop_unicast_in_l2_multicast force_igmp_version ignore_routes_with_linkdown log_martians " +
  "promote_secondaries proxy_arp proxy_arp_pvlan route_localnet src_valid_mark";
const ones4 = "accept_redirects arp_evict_nocarrier secure_redirects send_redirects shared_media";
const zeros6 =
  "forwarding disable_ipv6 accept_ra_from_local accept_source_route accept_untracked_na addr_gen_mode " +
  "disable_policy drop_unicast_in_l2_multicast drop_unsolicited_na force_mld_version force_tllao " +
  "ignore_routes_with_linkdown keep_addr_on_down ndisc_notify optimistic_dad proxy_ndp rpl_seg_enabled " +
  "seg6_enabled use_optimistic";
const ones6 =
  "accept_ra accept_ra_defrtr accept_ra_min_hop_limit accept_ra_mtu accept_ra_pinfo accept_redirects autoconf " +
  "dad_transmits enhanced_dad ndisc_evict_nocarrier router_solicitation_delay suppress_frag_ndisc";
/** With other values, or with one value for all interfaces together and another for new ones. Lo has its own. */
const others = [
  "ipv4/conf/all/accept_source_route=0",
  "ipv4/conf/default/accept_source_route=1",
  "ipv6/conf/all/accept_dad=0",
  "ipv6/conf/default/accept_dad=1",
  "ipv6/conf/all/use_tempaddr=0",
  "ipv6/conf/default/use_tempaddr=0",
  "ipv6/conf/all/hop_limit=64",
  "ipv6/conf/default/hop_limit=64",
  "ipv6/conf/all/mldv2_unsolicited_report_interval=1000",
  "ipv6/conf/default/mldv2_unsolicited_report_interval=1000",
  "ipv6/conf/all/router_solicitations=-1",
  "ipv6/conf/default/router_solicitations=-1",
  // Where the module br_netfilter is loaded; older kernels have these once for the whole machine.
  "bridge/bridge-nf-call-iptables=1",
  "bridge/bridge-nf-call-ip6tables=1",
  "bridge/bridge-nf-call-arptables=1",
];

const inEach = (folder: string, keys: string, value: number): string[] =>
  ["all", "default", "lo"].flatMap((name) =>
    keys.split(" ").map((key) => `${folder}/${name}/${key}=${value}`),
  );

const known = [
  ...inEach("ipv4/conf", zeros4, 0),
  ...inEach("ipv4/conf", ones4, 1),
  ...inEach("ipv6/conf", zeros6, 0),
  ...inEach("ipv6/conf", ones6, 1),
  ...others,
];

/** For a run of tests as if the machine had these sysctls, such as "ipv4/ip_forward=1 ipv4/conf/default/rp_filter=2". */
export const machineSysctls = (process.env["PODWIRE_TEST_SYSCTLS"] ?? "")
  .split(" ")
  .filter((pair) => pair.includes("="));

/**
 * Statements of a shell: sets the parameters of the namespace it is in to those of `machine`, and then to the known values. A shell reads byte by byte, and of
 * such a file gets the first one only: what is longer is written in any case.
 */
export const settleSysctls = (machine: readonly string[]): string => `
  cd /proc/sys/net
  for pair in ${machine.join(" ")}; do [ ! -e "\${pair%%=*}" ] || echo "\${pair#*=}" > "\${pair%%=*}"; done
  for pair in ${known.join(" ")}; do
    [ -e "\${pair%%=*}" ] || continue
    read -r value < "\${pair%%=*}" || :
    [ "$value" = "\${pair#*=}" ] || echo "\${pair#*=}" > "\${pair%%=*}"
  done
  cd /
`;
