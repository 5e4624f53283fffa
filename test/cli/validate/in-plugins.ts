/** Files with keys and values of plugins that are not right, and what is found in them. */
import type { Row } from "./row.ts";
import { bridge, ipam, net, pm, ptp } from "./row.ts";

export const inPlugins: readonly Row[] = [
  [
    "leaves ranges to the runtime that is asked for them",
    {
      "a.conflist": net({
        type: "ptp",
        capabilities: { ipRanges: true },
        ipam: { type: "host-local", routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] },
      }),
    },
    [],
  ],
  [
    "finds a gateway that the container cannot reach, by the route that needs it",
    {
      "a.conflist": net({
        ...bridge,
        ipam: {
          type: "host-local",
          ranges: [
            [{ subnet: "10.1.0.0/24", gateway: "10.9.0.1" }],
            [{ subnet: "10.2.0.0/24", gateway: "10.8.0.1" }],
            [{ subnet: "fd00:1::/64", gateway: "fd00:2::1" }],
          ],
          routes: [{ dst: "192.0.2.0/24", gw: "10.1.0.9" }, { dst: "0.0.0.0/0" }],
        },
      }),
    },
    [
      'a.conflist: error: plugins[0].ipam.ranges[0][0].gateway is 10.9.0.1, which is in no range\'s subnet, and the route to 0.0.0.0/0 needs it: every ADD fails (give an address of the subnet, or add the route {"dst": "10.9.0.1/32", "scope": 253})',
    ],
  ],
  [
    "takes a gateway outside of the subnet that is on the link, that no route needs, or that ptp leads to",
    {
      "a.conflist": net({
        ...bridge,
        ipam: {
          type: "host-local",
          ranges: [[{ subnet: "10.1.0.0/24", gateway: "10.9.0.1" }]],
          routes: [{ dst: "10.9.0.1/32", scope: 253 }, { dst: "0.0.0.0/0" }],
        },
      }),
      "b.conflist": {
        ...net({
          ...bridge,
          bridge: "br1",
          ipam: { type: "host-local", subnet: "10.1.0.0/24", gateway: "10.9.0.1" },
        }),
        name: "b",
      },
      "c.conflist": {
        ...net({
          type: "ptp",
          ipam: {
            type: "host-local",
            subnet: "10.1.0.0/24",
            gateway: "10.9.0.1",
            routes: [{ dst: "0.0.0.0/0" }],
          },
        }),
        name: "c",
      },
    },
    [],
  ],
  [
    "finds an MTU that is too small for the IPv6 addresses",
    {
      "a.conflist": net({
        ...bridge,
        mtu: 1200,
        ipam: { type: "host-local", ranges: [[{ subnet: "fd00:1::/64" }]] },
      }),
    },
    [
      'a.conflist: error: plugins[0].mtu is 1200, too small for the IPv6 addresses of this network (give at least 1280 (RFC 8200), or take the IPv6 range out of "ipam")',
    ],
  ],
  [
    "finds a capability in quotes",
    { "a.conflist": net(bridge, { type: "portmap", capabilities: { portMappings: "true" } }) },
    [
      'a.conflist: error: plugins[1].capabilities.portMappings must be true or false, but it is "true" (write true without quotes)',
    ],
  ],
  [
    "takes what nerdctl and podman write",
    {
      "a.conflist": {
        ...net({
          ...bridge,
          ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24", ipRange: "10.1.0.128/25" }]] },
        }),
        nerdctlID: "0",
        nerdctlLabels: {},
        args: { podman_labels: {} },
        _comment: "x",
        Documentation: ["a"],
      },
    },
    [],
  ],
  [
    "takes comments that are written as keys",
    {
      "a.conflist": net({
        ...bridge,
        _comment: 1,
        "//": 2,
        "#": 3,
        Documentation: [],
        comment: "x",
        $schema: "y",
      }),
    },
    [],
  ],
  [
    "finds keys of ipam beside it",
    {
      "a.conflist": net({
        ...bridge,
        rangeStart: "10.1.0.9",
        gateway: "10.1.0.1",
        resolvConf: "/etc/resolv.conf",
        routes: [],
        subnet: "10.1.0.0/24",
        ranges: [],
      }),
    },
    [
      'a.conflist: warning: plugins[0].rangeStart has no effect here (move it into "ipam")',
      'a.conflist: warning: plugins[0].gateway has no effect here (move it into "ipam")',
      'a.conflist: warning: plugins[0].resolvConf has no effect here (move it into "ipam")',
      'a.conflist: warning: plugins[0].routes has no effect here (move it into "ipam")',
      'a.conflist: warning: plugins[0].subnet has no effect here (move it into "ipam")',
      'a.conflist: warning: plugins[0].ranges has no effect here (move it into "ipam")',
    ],
  ],
  [
    "finds keys of the plugin inside ipam",
    {
      "a.conflist": net({
        ...bridge,
        ipam: { ...ipam, isGateway: true, ipMasq: true, bridge: "x", dns: {}, mtu: 1 },
      }),
    },
    [
      'a.conflist: warning: plugins[0].ipam.isGateway has no effect here (move it beside "ipam")',
      'a.conflist: warning: plugins[0].ipam.ipMasq has no effect here (move it beside "ipam")',
      'a.conflist: warning: plugins[0].ipam.bridge has no effect here (move it beside "ipam")',
      'a.conflist: warning: plugins[0].ipam.dns has no effect here (move it beside "ipam")',
      'a.conflist: warning: plugins[0].ipam.mtu has no effect here (move it beside "ipam")',
    ],
  ],
  [
    "finds keys of ipam inside a range",
    {
      "a.conflist": net({
        type: "ptp",
        ipam: {
          type: "host-local",
          ranges: [
            [
              {
                subnet: "10.1.0.0/24",
                routes: [],
                dataDir: "/x",
                rangestart: "10.1.0.3",
                range_end: "10.1.0.9",
              },
            ],
          ],
        },
      }),
    },
    [
      'a.conflist: warning: plugins[0].ipam.ranges[0][0].routes has no effect here (move it beside "ranges")',
      'a.conflist: warning: plugins[0].ipam.ranges[0][0].dataDir has no effect here (move it beside "ranges")',
      'a.conflist: warning: plugins[0].ipam.ranges[0][0].rangestart is read as "rangeStart" (spell it the same, for other readers)',
      'a.conflist: warning: plugins[0].ipam.ranges[0][0].range_end is an unknown key (did you mean "rangeEnd"?)',
    ],
  ],
  [
    "finds keys of other plugins, and of the list",
    {
      "a.conflist": net({
        ...ptp,
        bridge: "br0",
        isGateway: true,
        vni: 7,
        portMappings: [],
        disableCheck: true,
      }),
    },
    [
      "a.conflist: warning: plugins[0].bridge has no effect here (it is of the plugin bridge)",
      "a.conflist: warning: plugins[0].isGateway has no effect here (it is of the plugin bridge)",
      "a.conflist: warning: plugins[0].vni has no effect here (it is of the plugin vxlan)",
      "a.conflist: warning: plugins[0].portMappings has no effect here (it is of the plugin portmap)",
      'a.conflist: warning: plugins[0].disableCheck has no effect here (move it beside "plugins")',
    ],
  ],
  [
    "suggests a key for a misspelt one, and none that means something else",
    {
      "a.conflist": net({
        ...bridge,
        isGatway: true,
        ipmasq: true,
        ip_masq: true,
        hairpin: true,
        bridgeName: "x",
        defaultGateway: true,
        Mtu: 1500,
        promisc: true,
        isGw: true,
        masq: true,
        nonMasqueradeCIDR: [],
        vlanId: 4,
      }),
    },
    [
      'a.conflist: warning: plugins[0].isGatway is an unknown key (did you mean "isGateway"?)',
      'a.conflist: warning: plugins[0].ipmasq is read as "ipMasq" (spell it the same, for other readers)',
      'a.conflist: warning: plugins[0].ip_masq is an unknown key (did you mean "ipMasq"?)',
      'a.conflist: warning: plugins[0].hairpin is an unknown key (did you mean "hairpinMode"?)',
      'a.conflist: warning: plugins[0].bridgeName is an unknown key (did you mean "bridge"?)',
      "a.conflist: warning: plugins[0].defaultGateway is an unknown key (it has no effect)",
      'a.conflist: warning: plugins[0].Mtu is read as "mtu" (spell it the same, for other readers)',
      "a.conflist: warning: plugins[0].promisc has no effect here (it is of the plugin tuning)",
      "a.conflist: warning: plugins[0].isGw is an unknown key (it has no effect)",
      "a.conflist: warning: plugins[0].masq is an unknown key (it has no effect)",
      'a.conflist: warning: plugins[0].nonMasqueradeCIDR is an unknown key (did you mean "nonMasqueradeCIDRs"?)',
      "a.conflist: warning: plugins[0].vlanId has no effect here (it is of the plugin vlan)",
    ],
  ],
  [
    "suggests no flag for its contrary",
    { "a.conflist": net({ ...bridge, noIpMasq: true, disableIpMasq: false }, { ...pm, noSnat: true }) },
    [
      'a.conflist: warning: plugins[0].noIpMasq is an unknown key (it has no effect: "ipMasq" is true or false)',
      'a.conflist: warning: plugins[0].disableIpMasq is an unknown key (it has no effect: "ipMasq" is true or false)',
      'a.conflist: warning: plugins[1].noSnat is an unknown key (it has no effect: "snat" is true or false)',
    ],
  ],
  [
    "says how flat ranges and routes are written",
    {
      "a.conflist": net({
        type: "ptp",
        ipam: { type: "host-local", ranges: [{ subnet: "10.1.0.0/24" }], routes: ["0.0.0.0/0"] },
      }),
    },
    [
      'a.conflist: error: plugins[0].ipam.ranges[0] must be a list, but it is an object (a range set is a list of ranges: write [[{"subnet":"10.1.0.0/24"}]])',
      'a.conflist: error: plugins[0].ipam.routes[0] must be an object, but it is "0.0.0.0/0" (write {"dst": "0.0.0.0/0"})',
    ],
  ],
  [
    "says how a route is written",
    { "a.conflist": net({ type: "ptp", ipam: { ...ipam, routes: ["0.0.0.0/0"] } }) },
    [
      'a.conflist: error: plugins[0].ipam.routes[0] must be an object, but it is a string (write {"dst": "0.0.0.0/0"})',
    ],
  ],
  [
    "finds a route without a destination",
    {
      "a.conflist": net({
        type: "ptp",
        ipam: { ...ipam, routes: [{ to: "0.0.0.0/0" }, { dst: "default" }] },
      }),
    },
    [
      "a.conflist: error: plugins[0].ipam.routes[0].dst is missing (an address with its prefix length is expected, such as 10.1.0.2/24)",
      "a.conflist: warning: plugins[0].ipam.routes[0].to is an unknown key (it has no effect)",
    ],
  ],
  [
    "finds an IPv6 route of IPv4 addresses",
    {
      "a.conflist": net({ type: "ptp", ipam: { ...ipam, routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] } }),
    },
    [
      'a.conflist: warning: plugins[0].ipam.routes[1].dst is ::/0, but no range gives the container an IPv6 address: the route leads nowhere (add a range set [{"subnet": "fd00:88::/64"}], or remove the route)',
    ],
  ],
  [
    "finds an IPv4 route of IPv6 addresses",
    {
      "a.conflist": net({
        type: "ptp",
        ipam: { type: "host-local", subnet: "fd00::/64", routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] },
      }),
    },
    [
      'a.conflist: warning: plugins[0].ipam.routes[0].dst is 0.0.0.0/0, but no range gives the container an IPv4 address: the route leads nowhere (add a range set [{"subnet": "10.88.0.0/16"}], or remove the route)',
    ],
  ],
  [
    "takes a foreign plugin called vxlan for one",
    { "a.conflist": net({ type: "vxlan", vni: 300, addr: "172.16.32.1/24" }) },
    [
      'a.conflist: error: plugins[0].mode is missing ("l2" joins the pods of all nodes to one segment, "l3" routes between nodes; without any of podwire\'s keys this may be for another project\'s plugin called vxlan)',
      "a.conflist: warning: plugins[0].addr is an unknown key (it has no effect)",
    ],
  ],
  [
    "takes a foreign plugin called vxlan without a vni for one",
    { "a.conflist": net({ type: "vxlan", master: "eth0", vxlanId: 3, ipam: { type: "true", range: "1" } }) },
    [
      "a.conflist: error: plugins[0].vni is missing",
      'a.conflist: error: plugins[0].mode is missing ("l2" joins the pods of all nodes to one segment, "l3" routes between nodes; without any of podwire\'s keys this may be for another project\'s plugin called vxlan)',
      "a.conflist: warning: plugins[0].master has no effect here (it is of the plugin ipvlan)",
      "a.conflist: warning: plugins[0].vxlanId is an unknown key (it has no effect)",
    ],
  ],
  [
    "finds flags and numbers in quotes",
    { "a.conflist": net({ ...bridge, isGateway: "true", mtu: "1500", vlan: "x", hairpinMode: 1 }) },
    [
      'a.conflist: error: plugins[0].isGateway must be true or false, but it is a string (found "true": write true without quotes)',
      'a.conflist: error: plugins[0].mtu must be a whole number, but it is "1500" (write 1500 without quotes)',
      'a.conflist: error: plugins[0].vlan must be a whole number, but it is "x"',
      "a.conflist: error: plugins[0].hairpinMode must be true or false, but it is 1",
    ],
  ],
  [
    "reads the delegate of flannel as the plugin that it is",
    {
      "a.conflist": net({
        type: "flannel",
        subnetFiel: "/run/x",
        delegate: { isDefaultGatway: true, vlan: 5000 },
      }),
      "b.conflist": {
        ...net({ type: "flannel", delegate: { type: "brige" }, ipam: { dataDir: "/run/x" } }),
        name: "b",
      },
      "c.conflist": { ...net({ type: "flannel", delegate: { name: "x" } }), name: "c" },
    },
    [
      'a.conflist: warning: plugins[0].subnetFiel is an unknown key (did you mean "subnetFile"?)',
      'a.conflist: warning: plugins[0].delegate.isDefaultGatway is an unknown key (did you mean "isDefaultGateway"?)',
      "a.conflist: error: plugins[0].delegate.vlan is 5000 (invalid VLAN ID 5000 (must be between 0 and 4094))",
      'b.conflist: error: plugins[0].delegate.type failed to find plugin "brige" in path [BIN /bin] (did you mean "bridge"?)',
      "c.conflist: error: plugins[0].delegate.name must not be there: flannel makes it (the delegate has the network's name)",
    ],
  ],
  [
    "says which plugins are of others, and which are misspelt",
    {
      "a.conflist": net(
        { type: "brige", bridge: "x" },
        { type: "calico" },
        { type: "port-map" },
        { type: "cat", ipam: { type: "whereabouts" } },
      ),
    },
    [
      'a.conflist: error: plugins[0].type failed to find plugin "brige" in path [BIN /bin] (did you mean "bridge"?)',
      'a.conflist: error: plugins[1].type failed to find plugin "calico" in path [BIN /bin] (it is another project\'s plugin: install it into one of these folders, or set CNI_PATH to the one that has it)',
      'a.conflist: error: plugins[2].type failed to find plugin "port-map" in path [BIN /bin] (did you mean "portmap"?)',
      'a.conflist: error: plugins[3].ipam.type failed to find plugin "whereabouts" in path [BIN /bin] (it is another project\'s plugin: install it into one of these folders, or set CNI_PATH to the one that has it)',
    ],
  ],
  [
    "finds a gateway that the bridge cannot have",
    {
      "a.conflist": net({
        ...bridge,
        isGateway: true,
        ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24", gateway: "10.9.0.1" }]] },
      }),
    },
    [
      "a.conflist: error: plugins[0].ipam.ranges[0][0].gateway is 10.9.0.1, which is not in 10.1.0.0/24: every ADD fails (give an address of the subnet, or leave it out)",
    ],
  ],
  [
    "finds overlapping ranges, host bits and a tiny MTU",
    {
      "a.conflist": net({
        ...bridge,
        ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/16" }], [{ subnet: "10.1.2.0/24" }]] },
      }),
      "b.conflist": {
        ...net({ ...ptp, mtu: 20, ipam: { type: "host-local", subnet: "10.1.0.1/24" } }),
        name: "b",
      },
    },
    [
      'a.conflist: error: plugins[0].ipam.ranges[1][0].subnet overlaps with "ipam.ranges[0][0].subnet": 10.1.0.1-10.1.255.254 and 10.1.2.1-10.1.2.254 share addresses (keep ranges apart with rangeStart and rangeEnd, or remove one)',
      "b.conflist: error: plugins[0].ipam.subnet has host bits set: 10.1.0.1/24 (for a subnet mask of length 24 the network address is 10.1.0.0)",
      "b.conflist: error: plugins[0].mtu is 20 (give a number from 68 to 65535, or 0 for the uplink's)",
    ],
  ],
  [
    "finds a range's keys beside ranges",
    { "a.conflist": net({ ...ptp, ipam: { ...ipam, rangeStart: "10.1.0.9", gateway: "10.1.0.1" } }) },
    [
      'a.conflist: warning: plugins[0].ipam.rangeStart has no effect here (move it into the range, beside its "subnet")',
      'a.conflist: warning: plugins[0].ipam.gateway has no effect here (move it into the range, beside its "subnet")',
    ],
  ],
  [
    "finds nothing in the file of CRI-O",
    {
      "a.conflist": {
        cniVersion: "1.0.0",
        name: "crio",
        plugins: [
          {
            type: "bridge",
            bridge: "cni0",
            isGateway: true,
            ipMasq: true,
            hairpinMode: true,
            ipam: {
              type: "host-local",
              routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
              ranges: [[{ subnet: "10.85.0.0/16" }], [{ subnet: "1100:200::/24" }]],
            },
          },
        ],
      },
    },
    [],
  ],
];
