/** The contract between the runner and a plugin. */
import type { ListPlace } from "./deferred-list.ts";
import type { Fields, JsonObject } from "./fields.ts";
import type { Dns, Result } from "./result.ts";
import type { CniVersion } from "./version.ts";

export type Command = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC" | "VERSION";

/** What identifies an attachment on a node: the specification's (network, container, interface). */
export interface AttachmentKey {
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
}

/** The network configuration from standard input: what every plugin reads of it, and the rest as `fields`. */
export interface NetworkConfiguration {
  readonly cniVersion: CniVersion;
  readonly name: string;
  readonly type: string;
  readonly fields: Fields;
  /** The object as it came, for delegates and for keys to pass on. */
  readonly raw: JsonObject;
  readonly runtimeConfig: Fields;
  /** The object under args.cni. */
  readonly cniArgs: Fields;
  readonly ipamType: string;
  readonly dns: Dns;
  readonly prevResult?: Result;
  /** The attachments to keep, for GC; undefined when the key is absent. */
  readonly validAttachments?: readonly { readonly containerId: string; readonly ifname: string }[];
}

/** One call of a plugin, checked and parsed. */
export interface Request {
  readonly command: Command;
  /** Empty for GC and STATUS, as ifname. */
  readonly containerId: string;
  readonly ifname: string;
  /** CNI_NETNS; empty when the runtime gave none (DEL) or the verb has none. */
  readonly netns: string;
  /** CNI_ARGS as it came. */
  readonly args: string;
  /** The folders of CNI_PATH, in order. */
  readonly path: readonly string[];
  readonly configuration: NetworkConfiguration;
  /** Standard input as it came, for delegates that are other executables. */
  readonly input: Uint8Array;
  readonly environment: Readonly<Record<string, string>>;
  /** The plugins in this executable, so that a delegate that is one of them runs in this process. */
  readonly builtin: (name: string) => Plugin | undefined;
}

/**
 * The interface that an attachment owns. DEL and GC find it by its place, and remove nothing else:
 * - pair: one end is in the container. The other is on the host, with a name and an alias made from the attachment.
 * - host: it is on the host only, with a name and an alias made from the attachment.
 * - container: it is in the container only, with an alias made from the attachment. The kernel deletes it with the namespace.
 * - moved: it is a device of the host. DEL moves it back from the container, under its former name.
 *
 * `kind` is the kernel's (IFLA_INFO_KIND, `ip -d link`): "veth", "macvlan", "dummy"; "tun" for tap devices.
 */
export type OwnedLink =
  | { readonly place: "pair" | "host" | "container"; readonly kind: string }
  | { readonly place: "moved" };

/** What an attachment of a plugin owns besides its addresses, which are the IPAM plugin's. */
export interface Owned {
  readonly link: OwnedLink;
  /** Its addresses may be masqueraded (shared/attachment/masquerade.ts). */
  readonly masquerade: boolean;
}

/**
 * A plugin. Every function is synchronous, validates all input before its first change, and throws CniError.
 *
 * - add returns the result (the runner converts it to the configuration's version) and leaves nothing behind
 *   when it throws.
 * - del succeeds on what is already gone, and finishes every step before it throws.
 * - check, status and gc as in the specification; they return nothing.
 */
export interface Plugin {
  readonly about: string;
  /** Whether it hands out addresses, and so may be the delegate in `ipam`. */
  readonly isIpam: boolean;
  /** Of a plugin that makes or moves an interface. */
  readonly owns?: Owned;
  /**
   * A list of objects in the configuration, of which there may be thousands, that ADD reads unless its text is known to be the
   * one that an earlier ADD has read (deferred-list.ts).
   */
  readonly deferredList?: ListPlace;
  add(request: Request): Result;
  del(request: Request): void;
  check(request: Request): void;
  status(request: Request): void;
  gc(request: Request): void;
}

export function attachmentOf(request: Request): AttachmentKey {
  const { containerId, ifname, configuration } = request;
  return { network: configuration.name, containerId, ifname };
}
