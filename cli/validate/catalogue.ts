/** What validation knows of each plugin. The build puts it together from the plugins' folders. */
import type { Request } from "../../shared/cni/plugin.ts";
import type { PluginSchema } from "../../shared/cni/schema.ts";

/**
 * Throws what ADD would refuse. Returns the request for another plugin of ours, of the type that its configuration
 * names, where a plugin has one made.
 */
export type Validate = (request: Request) => Request | undefined;

export interface KnownPlugin {
  readonly isIpam: boolean;
  readonly schema: PluginSchema;
  readonly validate: Validate;
}

/** By type. Without a prototype: "toString" is no plugin. */
export type Catalogue = Readonly<Record<string, KnownPlugin | undefined>>;
