/**
 * What ADDs that have not succeeded yet have changed on a bridge: the text in its lock's file. An ADD that fails takes the
 * changes back if no other ADD uses them. Else the last one of these does, whichever had made them.
 */
import { isObject } from "../../shared/cni/fields.ts";

/** Of one bridge. `before` is what the undo restores; `made` and `device` name what it removes. */
export type BridgeChange =
  | { readonly kind: "bridge"; readonly made: string }
  | {
      readonly kind: "settings";
      readonly before: {
        readonly alias: string;
        readonly isUp: boolean;
        readonly isPromiscuous: boolean;
        /** Undefined without IPv6. */
        readonly acceptRa?: string;
      };
    }
  | { readonly kind: "vlan-filtering" }
  | { readonly kind: "gateway-device"; readonly device: string; readonly vlan: number }
  /** IPv6 was off on the device. */
  | { readonly kind: "ipv6"; readonly device: string }
  | {
      readonly kind: "addresses";
      /** Index of the device that has them. */
      readonly device: number;
      readonly added: readonly string[];
      readonly removed: readonly string[];
    };

/** Notes a change before it is made. */
export type Note = (change: BridgeChange) => void;

export interface Journal {
  /** Index of each port that the bridge had before the first change: those of containers that do not need the changes. */
  readonly ports: readonly number[];
  /** In the order in which they were made. */
  readonly changes: readonly BridgeChange[];
}

/** Reads a journal; undefined if the file has none. A torn one, of a process that was killed, does not count. */
export function parseJournal(text: string): Journal | undefined {
  if (text === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || !Array.isArray(value["ports"]) || !Array.isArray(value["changes"]))
      return undefined;
    return value as unknown as Journal;
  } catch {
    return undefined;
  }
}
