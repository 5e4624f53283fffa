/** The configuration of tap, and what its attachments own. */
import { checkResultHasAddress } from "../../shared/attachment/bare.ts";
import { readMtu } from "../../shared/attachment/mtu.ts";
import { readRequestedMac } from "../../shared/attachment/requested-mac.ts";
import { quote } from "../../shared/cni/error.ts";
import { interfaceNameProblem } from "../../shared/cni/names.ts";
import type { Owned, Request } from "../../shared/cni/plugin.ts";
import type { Keyed } from "../../shared/cni/schema.ts";
import type { tapKeys } from "./schema.ts";

/** The kernel's kind of tun and tap devices. */
export const KIND = "tun";
export const owned: Owned = { link: { place: "container", kind: KIND }, isFiltered: false };

/** The kernel's for a new tap device. */
const DEFAULT_MTU = 1500;
/** The most that the kernel takes: 65535 with the Ethernet header (drivers/net/tun.c, tun_net_initialize). */
const LARGEST_MTU = 65521;
const LARGEST_ID = 0xfffffffe;

export interface TapConfig {
  readonly multiQueue: boolean;
  readonly mtu: number | undefined;
  /** Undefined: derived from the addresses. */
  readonly mac: Uint8Array | undefined;
  readonly owner: number | undefined;
  readonly group: number | undefined;
  /** Empty: none, like that of the bridge. */
  readonly selinuxContext: string;
  readonly bridge: string;
}

type Keys = Keyed<typeof tapKeys>;

function readId(keys: Keys, key: "owner" | "group"): number | undefined {
  const id = keys.integer(key);
  if (id === undefined || (id >= 0 && id <= LARGEST_ID)) return id;
  throw keys.invalid(
    key,
    `is ${id}`,
    `give the number of a ${key === "owner" ? "user" : "group"}: see id(1)`,
  );
}

function readBridge(keys: Keys): string {
  const name = keys.text("bridge") ?? "";
  const fault = name === "" ? undefined : interfaceNameProblem(name);
  if (fault === undefined) return name;
  throw keys.invalid("bridge", `is not an interface name: ${quote(name)}`, fault);
}

function readContext(keys: Keys): string {
  const context = keys.text("selinuxContext") ?? "";
  if (!/[\0\n]/.test(context)) return context;
  throw keys.invalid(
    "selinuxContext",
    "has a line break",
    "give one such as system_u:system_r:container_t:s0",
  );
}

/** Reads the configuration. Throws codes 4, 6 and 7. */
export function readTapConfig(request: Request): TapConfig {
  const { fields } = request.configuration;
  const keys: Keys = fields;
  checkResultHasAddress(request);
  return {
    multiQueue: keys.boolean("multiQueue") ?? false,
    mtu: readMtu(fields, DEFAULT_MTU, LARGEST_MTU),
    mac: readRequestedMac(request, keys.text("mac")),
    owner: readId(keys, "owner"),
    group: readId(keys, "group"),
    selinuxContext: readContext(keys),
    bridge: readBridge(keys),
  };
}
