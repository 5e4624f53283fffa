/** Reads configurations of host-local as the plugin does. */
import { readHostLocal } from "../../../ipam/host-local/configuration.ts";
import { readConfiguration } from "../../../shared/cni/configuration.ts";

export const configuration = (raw: object) =>
  readConfiguration({ cniVersion: "1.0.0", name: "net", type: "bridge", ...raw }, "ADD");
export const read = (ipam: object, rest: object = {}) =>
  readHostLocal(configuration({ ipam: { type: "host-local", ...ipam }, ...rest }));
export const ranges = (...list: object[]) => ({ ranges: [list] });
