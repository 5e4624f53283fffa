/** The reserved addresses of this node, from the store that host-local shares with the reference plugin. */
import { parseReservation } from "../../ipam/host-local/records.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { parseIp } from "../../shared/ip/address.ts";
import { join } from "../../shared/system/path.ts";
import { entriesIn } from "./folder-entries.ts";
import { mayBeThere, readRegularFile } from "./regular-file.ts";

export const STORE_FOLDER = "/var/lib/cni/networks";

export interface Reservation extends AttachmentKey {
  readonly address: string;
  readonly made: Date;
}

function readReservation(folder: string, network: string, name: string): Reservation[] {
  try {
    const { text, modified } = readRegularFile(join(folder, network, name));
    const owner = parseReservation(text);
    return owner === undefined ? [] : [{ ...owner, network, address: name, made: modified }];
  } catch (thrown) {
    // Another process released it meanwhile, or it is no regular file.
    if (mayBeThere(thrown)) throw thrown;
    return [];
  }
}

/** All reservations below a folder that name their owner. Throws if a folder exists and cannot be read. */
export function listReservations(folder: string = STORE_FOLDER): Reservation[] {
  const networks = entriesIn(folder).filter(({ name, isDirectory }) => isDirectory && !name.startsWith("."));
  return networks.flatMap(({ name: network }) =>
    entriesIn(join(folder, network))
      .filter(({ name }) => parseIp(name) !== undefined)
      .flatMap(({ name }) => readReservation(folder, network, name)),
  );
}
