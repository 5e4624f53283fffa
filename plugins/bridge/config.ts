/** The bridge plugin's configuration: parsed, defaulted and validated before anything is changed. */

import { checkResultHasAddress } from "../../shared/attachment/bare.ts";
import { readMtu } from "../../shared/attachment/mtu.ts";
import { readRequestedMac } from "../../shared/attachment/requested-mac.ts";
import { quote } from "../../shared/cni/error.ts";
import { interfaceNameProblem } from "../../shared/cni/names.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { type MasqueradeConfig, readMasquerade } from "../../shared/filter/masquerade-config.ts";
import { encodeText } from "../../shared/system/text.ts";
import type { bridgeKeys } from "./schema.ts";
import { readVlanConfig, type VlanConfig } from "./vlan.ts";

export interface BridgeConfig {
  readonly bridge: string;
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  readonly forceAddress: boolean;
  readonly masquerade: MasqueradeConfig;
  /** Undefined: that of the uplink. */
  readonly mtu: number | undefined;
  readonly hairpin: boolean;
  readonly promiscuous: boolean;
  readonly spoofCheck: boolean;
  /** Run duplicate address detection on the container's IPv6 addresses. */
  readonly detectDuplicates: boolean;
  readonly portIsolation: boolean;
  readonly disableContainerInterface: boolean;
  readonly vlan: VlanConfig;
  /** Asked for; undefined: one is derived from the address. */
  readonly mac: Uint8Array | undefined;
}

/** The bridge's name, the one key that every verb needs. Throws codes 6 and 7. */
export function readBridgeName(fields: Keyed<typeof bridgeKeys>): string {
  const name = fields.text("bridge") ?? "";
  if (name === "") return "cni0";
  const fault = interfaceNameProblem(name);
  if (fault === undefined) return name;
  throw fields.invalid("bridge", `is not an interface name: ${quote(name)}`, fault);
}

/** The interface that has the gateway addresses. Without `vlan` it is the bridge, whose own frames are in VLAN 1. */
export function gatewayDeviceName({ bridge, vlan }: Pick<BridgeConfig, "bridge" | "vlan">): string {
  return vlan.id === 0 ? bridge : `${bridge}.${vlan.id}`;
}

function checkCombinations(fields: Keyed<typeof bridgeKeys>, config: BridgeConfig, request: Request): void {
  if (config.hairpin && config.promiscuous) {
    const advice = "promiscMode makes the bridge do what hairpinMode makes the port do: choose one";
    throw fields.invalid("hairpinMode", "cannot be set together with promiscMode", advice);
  }
  const gatewayDevice = gatewayDeviceName(config);
  if (config.isGateway && encodeText(gatewayDevice).length > 15) {
    const advice = `its gateway would be on ${quote(gatewayDevice)}, and an interface name has at most 15 bytes: choose a shorter "bridge"`;
    throw fields.invalid("vlan", `${config.vlan.id} and isGateway do not fit this bridge's name`, advice);
  }
  if (config.disableContainerInterface && request.configuration.ipamType !== "") {
    const advice = "an interface that stays down can have no address: remove ipam, or the flag";
    throw fields.invalid("disableContainerInterface", "cannot be set together with ipam", advice);
  }
  checkResultHasAddress(request);
}

/** Reads the configuration. Throws codes 4, 6 and 7. */
export function readBridgeConfig(request: Request): BridgeConfig {
  const { fields } = request.configuration;
  const keys: Keyed<typeof bridgeKeys> = fields;
  const flag = (key: Parameters<typeof keys.boolean>[0]) => keys.boolean(key) ?? false;
  const config: BridgeConfig = {
    bridge: readBridgeName(fields),
    isGateway: flag("isGateway") || flag("isDefaultGateway"),
    isDefaultGateway: flag("isDefaultGateway"),
    forceAddress: flag("forceAddress"),
    masquerade: readMasquerade(fields),
    mtu: readMtu(fields),
    hairpin: flag("hairpinMode"),
    promiscuous: flag("promiscMode"),
    spoofCheck: flag("macspoofchk"),
    detectDuplicates: flag("enabledad"),
    portIsolation: flag("portIsolation"),
    disableContainerInterface: flag("disableContainerInterface"),
    vlan: readVlanConfig(fields),
    mac: readRequestedMac(request),
  };
  checkCombinations(fields, config, request);
  return config;
}
