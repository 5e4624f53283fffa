/** The configuration of host-device, and what its attachments own. */
import { checkResultHasAddress } from "../../shared/attachment/bare.ts";
import { busOf, type DeviceSelector, isBusName } from "../../shared/attachment/device-selector.ts";
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import { interfaceNameProblem } from "../../shared/cni/names.ts";
import type { Owned, Request } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import { formatMac, parseMac } from "../../shared/netlink/link.ts";
import type { hostDeviceKeys } from "./schema.ts";

export const owned: Owned = { link: { place: "moved" }, isFiltered: false };

export interface HostDeviceConfig {
  readonly selector: DeviceSelector;
  /** DPDKMode of the configuration: counts where there is no PCI driver to ask. */
  readonly isDpdk: boolean;
}

type Keys = Keyed<typeof hostDeviceKeys>;

/** EUI-64 and InfiniBand have 8 and 20 bytes. */
const LONG_ADDRESS = /^[0-9a-f]{2}(([:-])[0-9a-f]{2})(\2[0-9a-f]{2}){6}((\2[0-9a-f]{2}){12})?$/;

function readAddress(keys: Keys, text: string): string {
  const mac = parseMac(text);
  if (mac !== undefined) return formatMac(mac);
  const lower = text.toLowerCase();
  if (LONG_ADDRESS.test(lower)) return lower.replaceAll("-", ":");
  throw keys.invalid("hwaddr", `is not a MAC address: ${quote(text)}`, "ip link shows those of the node");
}

function readPath(keys: Keys, text: string): string {
  const isBelow = text.startsWith("/sys/devices/") && !text.split("/").includes("..");
  if (isBelow) return text;
  const problem = `is not a folder below /sys/devices/: ${quote(text)}`;
  throw keys.invalid(
    "kernelpath",
    problem,
    "readlink -f /sys/class/net/NAME/device shows the one of a device",
  );
}

function readName(keys: Keys, text: string): string {
  const fault = interfaceNameProblem(text);
  if (fault === undefined) return text;
  throw keys.invalid("device", `is not an interface name: ${quote(text)}`, fault);
}

function readBusId(keys: Keys, text: string): string {
  if (isBusName(text)) return text;
  throw keys.invalid(
    "pciBusID",
    `is not a PCI address: ${quote(text)}`,
    "give one such as 0000:00:1f.6: lspci -D",
  );
}

/** The device that the runtime has assigned, such as a virtual function of Kubernetes' device plugin. */
function assigned({ configuration }: Request): DeviceSelector | undefined {
  const value = configuration.runtimeConfig.text("deviceID") ?? "";
  if (value === "") return undefined;
  const key = busOf(value);
  if (key !== undefined) return { key, value };
  const message = `runtimeConfig.deviceID ${quote(value)} is not found or not supported`;
  const advice = "it must be a device of the PCI or of the auxiliary bus: /sys/bus/pci/devices shows them";
  throw new CniError(ErrorCode.invalidConfiguration, message, advice);
}

const order = ["device", "hwaddr", "kernelpath", "pciBusID"] as const;
const readers = { device: readName, hwaddr: readAddress, kernelpath: readPath, pciBusID: readBusId };

/** Undefined if the configuration names no device, and the runtime has assigned none. What does not count may be wrong. */
export function readSelector(request: Request): DeviceSelector | undefined {
  const keys: Keys = request.configuration.fields;
  const [first] = order.flatMap((key) => {
    const text = keys.text(key) ?? "";
    return text === "" ? [] : [{ key, text }];
  });
  const ofRuntime = assigned(request);
  if (first === undefined || (first.key === "pciBusID" && ofRuntime !== undefined)) return ofRuntime;
  return { key: first.key, value: readers[first.key](keys, first.text) };
}

/** Reads the configuration. Throws codes 6 and 7. */
export function readHostDeviceConfig(request: Request): HostDeviceConfig {
  const keys: Keys = request.configuration.fields;
  const selector = readSelector(request);
  const isDpdk = keys.boolean("DPDKMode") ?? false;
  checkResultHasAddress(request);
  if (selector !== undefined) return { selector, isDpdk };
  const advice = `give one of them; with "capabilities": {"deviceID": true} the runtime may assign one`;
  const message = `specify either "device", "hwaddr", "kernelpath" or "pciBusID"`;
  throw new CniError(ErrorCode.invalidConfiguration, message, advice);
}
