/** The executables that the protocol tests go through, each with a configuration that works. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { expect } from "vitest";
import {
  builtPlugin,
  distBin,
  type Node,
  type PluginCall,
  type PluginRun,
  type Snapshot,
} from "../../helpers/index.ts";
import { writeSubnetEnv } from "../../helpers/subnet-env.ts";
import { isWholeSweep, tier } from "../../helpers/sweep.ts";
import { addDelegate, address, delegateFolder, delegatePath, print } from "./delegates.ts";

/** How a link of a kind is made that not every kernel has; up0 is a device below it. */
const kinds: Readonly<Record<string, string>> = {
  dummy: "ip link add link0 type dummy",
  ipvlan: "ip link add link up0 name link0 type ipvlan",
  vlan: "ip link add link up0 name link0 type vlan id 7",
};

/** Whether the kernel can make links of a plugin's kind: tried in a network namespace of its own, which goes with the process. */
const hasLinkKind = (plugin: string): boolean => {
  const make = kinds[plugin];
  if (make === undefined) return true;
  const script = `ip link add up0 type veth && ${make}`;
  return spawnSync("unshare", ["--net", "sh", "-c", script]).status === 0;
};

/**
 * The plugins that work on this kernel. The others also run in the virtual machine, whose kernel has their modules (test/vm). Not those
 * that need the interface eth0, whose name has to be free for the others.
 */
const isPossible = (plugin: string): boolean =>
  !["bandwidth", "dhcp", "sbr", "vrf"].includes(plugin) && hasLinkKind(plugin);

/**
 * All that the build makes. In the tier `sanitized`, unless PODWIRE_SWEEP=all, one that works on interfaces and one that works on
 * files: the natives, which the sanitizers watch, are the same in all of them, and each start takes ten times as long.
 */
export const plugins = readdirSync(distBin)
  .filter((name) => name !== "podwire" && isPossible(name))
  .filter((name) => tier !== "sanitized" || isWholeSweep || ["bridge", "host-local"].includes(name))
  .sort();

/** The published versions of the specification, oldest first; written out, so that none gets lost. */
export const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

const isOlderThan1 = (version: string): boolean => version.startsWith("0.");

const hasOldForm = (version: string): boolean => version === "0.1.0" || version === "0.2.0";

/** A result with the one address, in the form that a version has for it. */
const resultWithAddress = (cniVersion: string): object => {
  const { address: ip, gateway } = address;
  if (hasOldForm(cniVersion)) return { cniVersion, ip4: { ip, gateway } };
  return { cniVersion, ips: [isOlderThan1(cniVersion) ? { version: "4", ...address } : address] };
};

const configurations: Record<string, (cniVersion: string) => object> = {
  bridge: () => ({ bridge: "br0", isGateway: true, ipam: { type: "fixed" } }),
  dummy: () => ({ ipam: { type: "fixed" } }),
  firewall: (cniVersion) => ({ prevResult: resultWithAddress(cniVersion) }),
  flannel: () => ({ ipam: { type: "fixed" }, delegate: { bridge: "br0" } }),
  "host-device": () => ({ device: "up0", ipam: { type: "fixed" } }),
  "host-local": () => ({ ipam: { type: "host-local", ranges: [[{ subnet: "10.9.0.0/24" }]] } }),
  ipvlan: () => ({ master: "up0", ipam: { type: "fixed" } }),
  loopback: () => ({}),
  macvlan: () => ({ master: "up0", ipam: { type: "fixed" } }),
  portmap: (cniVersion) => ({
    runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
    prevResult: resultWithAddress(cniVersion),
  }),
  ptp: () => ({ ipam: { type: "fixed" } }),
  static: () => ({ ipam: { type: "static", addresses: [{ address: "10.9.0.5/24" }] } }),
  tap: () => ({ ipam: { type: "fixed" } }),
  tuning: (cniVersion) => ({
    sysctl: { "net.core.somaxconn": "512" },
    prevResult: resultWithAddress(cniVersion),
  }),
  vlan: () => ({ master: "up0", vlanId: 7, ipam: { type: "fixed" } }),
  vxlan: () => ({ mode: "l2", vni: 100, underlay: { dev: "up0" }, ipam: { type: "fixed" } }),
};

/** Whether there is a configuration for a plugin, so that the tests go through all of it. */
export const isConfigured = (plugin: string): boolean => plugin in configurations;

/** A configuration with which all verbs of a plugin work; its IPAM, where it needs one, is a script. */
export const configurationOf = (plugin: string, cniVersion: string): Record<string, unknown> => ({
  cniVersion,
  name: "net",
  type: plugin,
  ...configurations[plugin]?.(cniVersion),
});

/** Puts on the node what those configurations ask for: an IPAM that prints a result of the version, and a way out. */
export const prepare = async (node: Node, cniVersion = "1.0.0"): Promise<void> => {
  addDelegate(node, "fixed", { ADD: print(resultWithAddress(cniVersion)) });
  await writeSubnetEnv(node);
  await node.exec("ip", ["link", "add", "up0", "type", "veth", "peer", "name", "up1"]);
  await node.exec("ip", ["address", "add", "192.0.2.10/24", "dev", "up0"]);
  for (const end of ["up0", "up1"]) await node.exec("ip", ["link", "set", end, "up"]);
  await node.exec("ip", ["route", "add", "default", "via", "192.0.2.1"]);
};

/** A call of a built plugin that works by default: container c, interface eth0. */
export const run = (
  node: Node,
  plugin: string,
  call: Partial<PluginCall> & Pick<PluginCall, "command">,
): Promise<PluginRun> =>
  node.plugin(builtPlugin(plugin), {
    containerId: "c",
    netns: "/run/netns/c",
    ifname: "eth0",
    path: delegatePath,
    ...call,
  });

/** The state of a node, without what the delegates write down about their calls. */
export const stateOf = async (node: Node): Promise<Snapshot> => {
  const state = await node.snapshot();
  return { ...state, files: state.files.filter((file) => !file.startsWith(delegateFolder)) };
};

/** Expects the specification's form of an error: exit code 1, one JSON document, and nothing else. */
export const expectError = (outcome: PluginRun, code: number, label = ""): void => {
  expect(outcome, label).toMatchObject({ exitCode: 1, stderr: "" });
  expect(outcome.json, `${label}: ${outcome.stdout}`).toEqual({
    cniVersion: expect.stringMatching(/^\d\.\d\.\d$/),
    code,
    msg: expect.stringMatching(/./),
    ...(outcome.json?.details === undefined ? {} : { details: expect.stringMatching(/./) }),
  });
};

/** Expects success without a word. */
export const expectSilence = (outcome: PluginRun, label = ""): void => {
  expect(outcome, label).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
};

/** Expects success with one JSON document, and returns it. */
export const expectResult = (outcome: PluginRun, label = ""): Record<string, unknown> => {
  expect(outcome, `${label}: ${outcome.stdout}`).toMatchObject({ exitCode: 0, stderr: "" });
  expect(outcome.json, label).toBeTypeOf("object");
  return outcome.json;
};
