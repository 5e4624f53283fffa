/** A plugin that attaches an interface. DEL and GC follow from what its attachments own. */
import type { Plugin, Request } from "../cni/plugin.ts";
import { detach } from "./detach.ts";
import { type Collect, collectGarbage } from "./garbage.ts";

export interface InterfacePlugin extends Pick<Plugin, "about" | "add" | "check" | "status"> {
  readonly owns: NonNullable<Plugin["owns"]>;
  /** What DEL removes besides the link and the addresses: steps, each of which is tried. */
  readonly removals?: (request: Request) => readonly (() => void)[];
  /** What GC removes besides these. */
  readonly collect?: Collect;
}

export function interfacePlugin({ removals, collect, ...verbs }: InterfacePlugin): Plugin {
  return {
    ...verbs,
    isIpam: false,
    del: (request) => detach(request, verbs.owns, removals?.(request)),
    gc: (request) => collectGarbage(request, verbs.owns, collect),
  };
}
