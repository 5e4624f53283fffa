/** The attachments of this node, from three sources: libcni's cache, host interfaces and reserved addresses. */
import { hostInterfaceName } from "../../shared/cni/attachment.ts";
import { Fields, isObject, type JsonObject } from "../../shared/cni/fields.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { type CachedAttachment, listCached } from "../node/cache.ts";
import { type HostInterface, listHostInterfaces } from "../node/host-interfaces.ts";
import { listReservations, type Reservation, STORE_FOLDER } from "../node/reservations.ts";

export interface ListedAttachment extends AttachmentKey {
  /** Without prefix lengths. */
  readonly addresses: readonly string[];
  /** The host's end of the container's interface; undefined if none of ours exists. */
  readonly hostInterface: string | undefined;
  /** When the attachment was made; undefined if no source knows. */
  readonly made: Date | undefined;
}

/** An attachment while its sources are joined. */
interface Draft {
  key: AttachmentKey;
  addresses: string[];
  hostInterface: string | undefined;
  made: Date | undefined;
}

const idOf = ({ network, containerId, ifname }: AttachmentKey) => [network, containerId, ifname].join("\0");
const earlier = (a: Date | undefined, b: Date) => (a === undefined || b < a ? b : a);

/** Returns the objects of a list in a result; empty if the result is broken. */
function objectsOf(result: JsonObject | undefined, key: string): JsonObject[] {
  const list = result?.[key];
  return Array.isArray(list) ? list.filter(isObject) : [];
}

/** The addresses in a result of any version. */
function addressesOf(result: JsonObject | undefined): string[] {
  const families = [result?.["ip4"], result?.["ip6"]].filter(isObject).map(({ ip }) => ip);
  const texts = [...objectsOf(result, "ips").map(({ address }) => address), ...families];
  return texts.filter((text) => typeof text === "string").map((text) => text.replace(/\/.*/, ""));
}

/** The folders in which the networks of the cache keep their reservations. */
function storeFolders(cached: readonly CachedAttachment[]): string[] {
  const named = cached.flatMap(({ configuration }) => {
    try {
      const plugins = (JSON.parse(configuration) as JsonObject)["plugins"];
      return (Array.isArray(plugins) ? plugins.filter(isObject) : []).map(
        (plugin) => new Fields(plugin).object("ipam")?.text("dataDir") ?? "",
      );
    } catch {
      return [];
    }
  });
  return [...new Set([STORE_FOLDER, ...named.filter((folder) => folder !== "")])];
}

class Collection {
  private readonly drafts = new Map<string, Draft>();

  draft(key: AttachmentKey): Draft {
    const id = idOf(key);
    const known = this.drafts.get(id);
    if (known !== undefined) return known;
    const { network, containerId, ifname } = key;
    const draft: Draft = {
      key: { network, containerId, ifname },
      addresses: [],
      hostInterface: undefined,
      made: undefined,
    };
    this.drafts.set(id, draft);
    return draft;
  }

  addCached(entry: CachedAttachment): void {
    const draft = this.draft(entry);
    draft.addresses = addressesOf(entry.result);
    draft.made = entry.modified;
  }

  private onlyOneOf({ network, containerId, ifname }: AttachmentKey): Draft | undefined {
    if (ifname !== "") return undefined;
    const [only, ...others] = this.all.filter(
      ({ key }) => key.network === network && key.containerId === containerId,
    );
    return others.length === 0 ? only : undefined;
  }

  /** An old reservation has no interface name: it belongs to the container's only interface. */
  addReservation(reservation: Reservation): void {
    const { address, made } = reservation;
    const draft = this.onlyOneOf(reservation) ?? this.draft(reservation);
    if (!draft.addresses.includes(address)) draft.addresses.push(address);
    draft.made = earlier(draft.made, made);
  }

  /** An alias may be cut, but the interface's name is a hash of the whole: compare it with the other sources. */
  addInterfaces(interfaces: readonly HostInterface[]): void {
    const known = new Map(this.all.map((draft) => [hostInterfaceName(draft.key), draft]));
    for (const { name, owner } of interfaces) (known.get(name) ?? this.draft(owner)).hostInterface = name;
  }

  get all(): Draft[] {
    return [...this.drafts.values()];
  }
}

const compare = (a: AttachmentKey, b: AttachmentKey) => (idOf(a) < idOf(b) ? -1 : 1);

/**
 * Returns all attachments by network, container and interface. A source that cannot be read goes to `fail`, and the
 * rest is still listed.
 */
export function listAttachments(fail: (thrown: unknown) => void): ListedAttachment[] {
  const attempt = <Item>(read: () => Item[]): Item[] => {
    try {
      return read();
    } catch (thrown) {
      fail(thrown);
      return [];
    }
  };
  const cached = attempt(() => listCached());
  const collection = new Collection();
  for (const entry of cached) collection.addCached(entry);
  for (const folder of storeFolders(cached))
    for (const reservation of attempt(() => listReservations(folder))) collection.addReservation(reservation);
  collection.addInterfaces(attempt(listHostInterfaces));
  return collection.all.map(({ key, ...rest }) => ({ ...key, ...rest })).sort(compare);
}
