/** The key `mode` of macvlan and ipvlan: names of the kernel's numbers. */
import { quote } from "../cni/error.ts";
import type { Fields } from "../cni/fields.ts";
import type { Link } from "../netlink/link.ts";
import { drift } from "./check.ts";

/** The numbers by name. */
export type Modes = Readonly<Record<string, number>>;

/** Reads `mode`; absent or empty: `fallback`. Throws codes 6 and 7. */
export function readMode(
  fields: Pick<Fields, "text" | "invalid">,
  kind: string,
  modes: Modes,
  fallback: string,
): number {
  const name = fields.text("mode") || fallback;
  const mode = Object.hasOwn(modes, name) ? modes[name] : undefined;
  if (mode !== undefined) return mode;
  const advice = `it is one of ${Object.keys(modes).join(", ")}`;
  throw fields.invalid("mode", `is an unknown ${kind} mode: ${quote(name)}`, advice);
}

const nameOf = (modes: Modes, mode: number | undefined) =>
  Object.entries(modes).find(([, value]) => value === mode)?.[0] ?? String(mode);

/** CHECK: throws if the link has another mode than the wanted one. */
export function checkMode(
  { name, kind }: Link,
  modes: Modes,
  { found, wanted }: { readonly found: number | undefined; readonly wanted: number },
  advice: string,
): void {
  if (found === wanted) return;
  const difference = `has the ${kind} mode ${nameOf(modes, found)}, expected ${nameOf(modes, wanted)}`;
  throw drift(`the interface ${name} ${difference}`, advice);
}
