/** The plugins of a file, and what is found in each. */
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { checkAddresses } from "./addresses.ts";
import { checkCapabilities } from "./capabilities.ts";
import { checkInChain } from "./chain.ts";
import { DELEGATE, delegateIn } from "./delegate.ts";
import { checkDevice, checkSelectors } from "./devices.ts";
import type { Finding, Path } from "./finding.ts";
import type { Form } from "./form.ts";
import { checkExecutables } from "./node-checks.ts";
import type { ValidationOptions } from "./options.ts";
import { checkByReaders, type NetworkKeys } from "./semantics.ts";
import { inPlugin } from "./unknown-keys.ts";

/** A plugin in its chain. */
interface Placed {
  /** With the plugins that further names stand for. */
  readonly raw: unknown;
  /** As it is written. */
  readonly stated: unknown;
  readonly path: Path;
  /** The plugins before it. */
  readonly before: readonly unknown[];
  /** Whether it is a file of its own, and in no list. */
  readonly isAlone: boolean;
}

/** The findings of one plugin. */
export function checkPlugin(placed: Placed, networkKeys: NetworkKeys, options: ValidationOptions): Finding[] {
  const { raw, stated, path, before, isAlone } = placed;
  const { catalogue, node } = options;
  const ofObject = isObject(raw)
    ? [
        ...inPlugin(raw, path, catalogue, isAlone),
        ...checkCapabilities(raw, path, catalogue),
        ...checkAddresses(raw, path),
      ]
    : [];
  const delegate = delegateIn(raw, catalogue);
  const inside = [...path, DELEGATE];
  const surroundings = node === undefined ? undefined : { folders: node.folders, catalogue };
  return [
    ...ofObject,
    ...(delegate === undefined ? [] : inPlugin(delegate, inside, catalogue, false)),
    ...checkInChain(raw, before, path, catalogue),
    ...checkByReaders(raw, networkKeys, path, catalogue),
    ...checkSelectors(raw, path),
    ...(surroundings === undefined ? [] : checkDevice(raw, path)),
    ...(surroundings === undefined ? [] : checkExecutables(stated, path, surroundings)),
    ...(surroundings === undefined
      ? []
      : checkExecutables(delegateIn(raw, catalogue, stated), inside, surroundings)),
  ];
}

/** The plugins in the file. `given` is the value as it is written. */
export function pluginsOf(value: JsonObject, given: unknown, form: Form): Placed[] {
  if (form === "plugin") return [{ raw: value, stated: given, path: [], before: [], isAlone: true }];
  const [listed, stated] = [value, given].map((each) =>
    isObject(each) && Array.isArray(each["plugins"]) ? (each["plugins"] as unknown[]) : [],
  ) as [unknown[], unknown[]];
  return listed.map((raw, index) => ({
    raw,
    stated: stated[index],
    path: ["plugins", index],
    before: listed.slice(0, index),
    isAlone: false,
  }));
}
