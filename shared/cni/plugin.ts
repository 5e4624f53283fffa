/** The contract between the runner and a plugin. */
import type { IpAddress } from "../ip/address.ts";
import type { ListPath } from "./deferred-list.ts";
import type { Fields, JsonObject } from "./fields.ts";
import type { Dns, Result } from "./result.ts";
import type { CniVersion } from "./version.ts";

export type Command = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC" | "VERSION";

/** The identity of an attachment on a node (specification): network, container, interface. */
export interface AttachmentKey {
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
}

/** The network configuration from standard input: its common keys, and the others as `fields`. */
export interface NetworkConfiguration {
  readonly cniVersion: CniVersion;
  readonly name: string;
  readonly type: string;
  readonly fields: Fields;
  /** The parsed object, for delegates and for keys to pass on. */
  readonly raw: JsonObject;
  readonly runtimeConfig: Fields;
  /** The object under args.cni. */
  readonly cniArgs: Fields;
  readonly ipamType: string;
  readonly dns: Dns;
  readonly prevResult?: Result;
  /** The attachments that GC keeps; undefined if the key is absent. */
  readonly validAttachments?: readonly { readonly containerId: string; readonly ifname: string }[];
}

/** One call of a plugin, parsed and checked. */
export interface Request {
  readonly command: Command;
  /** Empty for GC and STATUS, like ifname. */
  readonly containerId: string;
  readonly ifname: string;
  /** CNI_NETNS; empty if the runtime gave none (DEL) or the verb has none. */
  readonly netns: string;
  /** CNI_ARGS, unparsed. */
  readonly args: string;
  /** The folders of CNI_PATH, in order. */
  readonly path: readonly string[];
  readonly configuration: NetworkConfiguration;
  /** Standard input, unparsed, for delegates that are other executables. */
  readonly input: Uint8Array;
  readonly environment: Readonly<Record<string, string>>;
  /** The plugins of this executable: delegates that run in this process. */
  readonly builtin: (name: string) => Plugin | undefined;
}

/**
 * The interface that an attachment owns. DEL and GC find it by its place, and remove nothing else:
 * - pair: one end is in the container. The other is on the host, with a name and an alias made from the attachment.
 * - host: it is on the host only, with a name and an alias made from the attachment.
 * - container: it is in the container only, with an alias made from the attachment. The kernel deletes it with the namespace.
 * - moved: it is a device of the host. DEL moves it back from the container, and makes it what it was.
 *
 * `kind` is the kernel's (IFLA_INFO_KIND, `ip -d link`): "veth", "macvlan", "dummy"; "tun" for tap devices.
 */
export type OwnedLink =
  | { readonly place: "pair" | "host" | "container"; readonly kind: string }
  | { readonly place: "moved" };

/** What an attachment of a plugin owns besides its addresses, which are the IPAM plugin's. */
export interface Owned {
  readonly link: OwnedLink;
  /** It may have rules in the packet filter (shared/attachment/filter.ts). */
  readonly isFiltered: boolean;
}

/**
 * A plugin. All functions are synchronous, validate all input before their first change, and throw CniError.
 * - add returns the result (the runner converts it to the configuration's version). If it throws, it leaves nothing
 * behind.
 * - del succeeds if everything is gone, and goes through all steps before it throws.
 * - check, status and gc follow the specification and return nothing.
 */
export interface Plugin {
  readonly about: string;
  /** True for a plugin that hands out addresses: it may be the delegate in `ipam`. */
  readonly isIpam: boolean;
  /** Of a plugin that makes or moves an interface. */
  readonly owns?: Owned;
  /** True for a plugin whose ADD makes nothing that DEL would have to find: its calls need no lock. */
  readonly leavesNothing?: true;
  /**
   * A list of possibly thousands of objects in the configuration. ADD parses it only if it does not know its text from
   * an earlier ADD (deferred-list.ts).
   */
  readonly deferredList?: ListPath;
  /**
   * Of an IPAM plugin whose reservations name their owner: whether one of the addresses is reserved for the request's attachment, or else
   * for another one. Undefined: none is reserved.
   */
  isReservedFor?(request: Request, addresses: readonly IpAddress[]): boolean | undefined;
  add(request: Request): Result;
  del(request: Request): void;
  check(request: Request): void;
  status(request: Request): void;
  gc(request: Request): void;
  /** What `NAME daemon` runs, with the words after it: a process that works between calls. Returns the exit code. */
  daemon?(words: readonly string[], environment: Readonly<Record<string, string>>): number;
}

export function attachmentOf(request: Request): AttachmentKey {
  const { containerId, ifname, configuration } = request;
  return { network: configuration.name, containerId, ifname };
}
