/** Files whose form, plugins or capabilities are not right, and what is found in them. */
import type { Row } from "./row.ts";
import { bridge, ipam, net, pm, ptp } from "./row.ts";

export const inLists: readonly Row[] = [
  [
    "finds a list in a .conf",
    { "a.conf": net(bridge) },
    [
      'a.conf: error: plugins is not read from a .conf file: "type" is missing there (rename the file to a.conflist, which is read as a list)',
    ],
  ],
  [
    "finds a list in a .json",
    { "a.json": net(bridge) },
    [
      'a.json: error: plugins is not read from a .json file: "type" is missing there (rename the file to a.conflist, which is read as a list)',
    ],
  ],
  [
    "says that a .json with a type is a single plugin",
    { "a.json": { cniVersion: "1.0.0", name: "n", ...bridge, plugins: [bridge] } },
    [
      'a.json: warning: plugins is not read from a file with "type" that is no .conflist: "type" alone counts (rename the file to a.conflist, which is read as a list)',
    ],
  ],
  [
    "finds a single plugin in a .conflist",
    { "a.conflist": { cniVersion: "1.0.0", name: "n", ...bridge, x: 1 } },
    [
      'a.conflist: error: type is of a single plugin, and "plugins" is missing: a .conflist lists plugins (rename the file to a.conf, or put what is the plugin\'s into "plugins": [{"type": ...}])',
    ],
  ],
  [
    "finds keys of plugins beside the list of them, and keys of a list in another case",
    {
      "a.conflist": {
        ...net(bridge),
        ipam,
        bridge: "x",
        isGateway: true,
        disableGc: true,
        disableCheck: "TRUE",
        disableGC: "yes",
        Plugins: [],
        loadOnlyInlinedPlugins: "false",
      },
    },
    [
      'a.conflist: warning: ipam has no effect here (move it into the object of a plugin, in "plugins")',
      'a.conflist: warning: bridge has no effect here (move it into the object of a plugin, in "plugins")',
      'a.conflist: warning: isGateway has no effect here (move it into the object of a plugin, in "plugins")',
      'a.conflist: warning: disableGc is not read as "disableGC" (libcni knows the keys of a list in one case only)',
      'a.conflist: error: disableGC is "yes"; known are true, false, "true", "True", "TRUE", "false", "False", "FALSE"',
      'a.conflist: warning: Plugins is not read as "plugins" (libcni knows the keys of a list in one case only)',
    ],
  ],
  [
    "finds portmap alone",
    { "a.conflist": net(pm) },
    [
      "a.conflist: error: plugins[0].type is portmap, but no plugin before it makes an interface: every ADD fails without a prevResult (list it after the plugin that makes the interface, such as bridge)",
    ],
  ],
  [
    "finds portmap alone in a .conf",
    { "a.conf": { cniVersion: "1.0.0", name: "n", ...pm } },
    [
      "a.conf: error: type is portmap, but no plugin before it makes an interface: every ADD fails without a prevResult (list it after the plugin that makes the interface, such as bridge)",
    ],
  ],
  [
    "finds portmap before the plugin that makes the interface",
    { "a.conflist": net(pm, bridge) },
    [
      "a.conflist: error: plugins[0].type is portmap, but no plugin before it makes an interface: every ADD fails without a prevResult (list it after the plugin that makes the interface, such as bridge)",
    ],
  ],
  [
    "finds portmap without its capability",
    { "a.conflist": net(bridge, { type: "portmap", snat: true }) },
    [
      'a.conflist: warning: plugins[1].capabilities has no portMappings: no port is ever published (write "capabilities": {"portMappings": true})',
    ],
  ],
  [
    "finds portmap with its capability switched off",
    { "a.conflist": net(bridge, { type: "portmap", capabilities: { portMappings: false } }) },
    [
      'a.conflist: warning: plugins[1].capabilities.portMappings is false, so no port is ever published (write "capabilities": {"portMappings": true})',
    ],
  ],
  [
    "finds bandwidth without limits and without its capability",
    {
      "a.conflist": net(
        bridge,
        { type: "bandwidth" },
        { type: "bandwidth", capabilities: { bandwidth: false } },
        { type: "bandwidth", capabilities: { bandwidth: true } },
        { type: "bandwidth", egressRate: 8000, egressBurst: 8000 },
      ),
    },
    [1, 2].map(
      (at) =>
        `a.conflist: warning: plugins[${at}] has neither a rate nor the capability bandwidth: nothing is ever limited (write "capabilities": {"bandwidth": true}, or give a rate and a burst)`,
    ),
  ],
  [
    "finds bandwidth where there is no veth pair to limit",
    { "a.conflist": net({ type: "tap" }, { type: "bandwidth", capabilities: { bandwidth: true } }) },
    [
      "a.conflist: warning: plugins[1].type is bandwidth after tap, which makes no veth pair: ADD fails for a container with limits (take bandwidth out of this network)",
    ],
  ],
  [
    "finds names of capabilities that no runtime knows",
    {
      "a.conflist": net(bridge, {
        type: "portmap",
        capabilities: { portmappings: true, snat: true, bandwidth: true },
      }),
    },
    [
      'a.conflist: warning: plugins[1].capabilities.portmappings is no capability of portmap: the runtime passes nothing for it (did you mean "portMappings"?)',
      'a.conflist: warning: plugins[1].capabilities.snat is no capability of portmap: the runtime passes nothing for it (it is a key: write it beside "capabilities")',
      "a.conflist: warning: plugins[1].capabilities.bandwidth is no capability of portmap: the runtime passes nothing for it (it has portMappings)",
    ],
  ],
  [
    "finds capabilities of other plugins",
    {
      "a.conflist": net({ ...bridge, capabilities: { portMappings: true, ips: true, mac: true, IPs: true } }),
    },
    [
      "a.conflist: warning: plugins[0].capabilities.portMappings is no capability of bridge: the runtime passes nothing for it (it has mac, ips, ipRanges)",
      'a.conflist: warning: plugins[0].capabilities.IPs is no capability of bridge: the runtime passes nothing for it (did you mean "ips"?)',
    ],
  ],
  [
    "finds capabilities as a list",
    { "a.conflist": net({ ...bridge, capabilities: ["ips"] }) },
    ['a.conflist: error: plugins[0].capabilities must be an object, but it is ["ips"]'],
  ],
  [
    "finds an IPAM plugin in the list, and another one in ipam",
    {
      "a.conflist": net(
        { type: "host-local", subnet: "10.1.0.0/24" },
        { type: "ptp", ipam: { type: "bridge" } },
      ),
    },
    [
      'a.conflist: error: plugins[0].type is an IPAM plugin, which stands in no list (write it as "ipam": {"type": "host-local", ...} of the plugin that makes the interface)',
      "a.conflist: error: plugins[1].ipam.type is bridge, which hands out no addresses (such as host-local)",
    ],
  ],
  [
    "finds two plugins that make the interface",
    { "a.conflist": net(bridge, ptp) },
    [
      "a.conflist: error: plugins[1].type makes the container's interface, as bridge before it does: every ADD fails (a network makes one interface: give the other a network of its own)",
    ],
  ],
  [
    "says which of two networks of one name is used",
    { "10-a.conf": { cniVersion: "1.0.0", name: "n", ...bridge }, "20-b.conflist": net(ptp) },
    [
      "10-a.conf: error: name is also the name of the network in 20-b.conflist (that in 20-b.conflist is used, and no other: give each network a name of its own)",
      "20-b.conflist: error: name is also the name of the network in 10-a.conf (this one is used, and no other: give each network a name of its own)",
    ],
  ],
  [
    "finds two networks on one bridge",
    {
      "a.conflist": net({ ...bridge, isGateway: true }),
      "b.conflist": {
        ...net({ ...bridge, isDefaultGateway: true, ipam: { type: "host-local", subnet: "10.2.0.0/24" } }),
        name: "b",
      },
      "c.conflist": {
        ...net({ ...bridge, vlan: 5, isGateway: true, ipam: { type: "host-local", subnet: "10.3.0.0/24" } }),
        name: "c",
      },
    },
    [
      "a.conflist: warning: plugins[0].bridge br0 is also the gateway of the network in b.conflist, with 10.2.0.0/24: while containers of one of them run, ADD of the other fails (give each network a bridge of its own)",
      "b.conflist: warning: plugins[0].bridge br0 is also the gateway of the network in a.conflist, with 10.1.0.0/24: while containers of one of them run, ADD of the other fails (give each network a bridge of its own)",
    ],
  ],
  [
    "looks at the order of plugins in files of their own",
    { "a.conflist": { cniVersion: "1.1.0", name: "n" }, "n/10.conf": pm, "n/20.conf": bridge },
    [
      "n/10.conf: error: type is portmap, but no plugin before it makes an interface: every ADD fails without a prevResult (list it after the plugin that makes the interface, such as bridge)",
    ],
  ],
  [
    "finds no plugins where none are taken from files",
    { "a.conflist": { cniVersion: "1.1.0", name: "n", loadOnlyInlinedPlugins: true }, "n/20.conf": bridge },
    ["a.conflist: error: plugins is missing (list the plugins there)"],
  ],
  [
    "knows versions",
    {
      "a.conflist": { ...net(bridge), cniVersion: undefined, cniVersions: ["0.4.0", "9.9.9"] },
      "b.conflist": { ...net(bridge), name: "b", cniVersion: "2.0.0" },
    },
    [
      'b.conflist: error: cniVersion is "2.0.0"; known are "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"',
    ],
  ],
];
