/** The plugins as `podwire validate` knows them. The build collects them from their folders. */
import type { Request } from "../../shared/cni/plugin.ts";
import type { PluginSchema } from "../../shared/cni/schema.ts";

/** Throws what ADD would throw. If the plugin delegates to another of ours, returns the request for that plugin. */
export type Validate = (request: Request) => Request | undefined;

export interface KnownPlugin {
  readonly isIpam: boolean;
  readonly schema: PluginSchema;
  readonly validate: Validate;
}

/** By type. Without a prototype, so that "toString" is not found. */
export type Catalogue = Readonly<Record<string, KnownPlugin | undefined>>;
