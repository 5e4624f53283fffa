/** A node that is alone with its configuration: for what is done to one call of the plugin. */
import type { Host, Keys } from "../attachment/host.ts";
import { overlayOf } from "./world.ts";

/** A network over an interface that `makeUnderlay` makes; its peers have these numbers. */
export const network = (mode: "l2" | "l3", numbers: readonly number[], keys: Keys = {}): Keys => {
  const isRouted = mode === "l3";
  const peers = numbers.map((number) => ({
    vtep: `192.0.2.${number}`,
    ...(isRouted ? { subnets: [`10.244.${number}.0/24`] } : {}),
  }));
  const ipam = { type: "host-local", ...(isRouted ? {} : { subnet: "10.10.0.0/24" }) };
  const l3 = { l3: { network: "10.244.0.0/16", subnets: ["10.244.1.0/24"] } };
  return {
    cniVersion: "1.1.0",
    name: "net",
    type: "vxlan",
    mode,
    vni: 100,
    underlay: { dev: "eth0", local: "192.0.2.1" },
    discovery: { type: "static", peers },
    ...(isRouted ? l3 : {}),
    ipam,
    ...keys,
  };
};

/** The same with another peer, and another local address, with which the device's MAC address changes. */
export const changedNetwork = (mode: "l2" | "l3", keys: Keys = {}): Keys =>
  network(mode, [3, 4], { underlay: { dev: "eth0", local: "192.0.2.11" }, ...keys });

export const makeUnderlay = async ({ node }: Host): Promise<void> => {
  const lines = [
    "link add eth0 type veth peer name cable",
    "address add 192.0.2.1/24 dev eth0",
    "address add 192.0.2.11/24 dev eth0",
    "link set cable up",
    "link set eth0 up",
  ];
  await node.exec("ip", ["-batch", "-"], { input: `${lines.join("\n")}\n` });
  await node.exec("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
};

/** The overlay in words; undefined without its device. */
export const overlayIfAny = ({ node }: Host) => overlayOf(node).catch(() => undefined);
