/** loopback has no keys of its own. */
import type { PluginSchema } from "../../shared/cni/schema.ts";

const schema: PluginSchema = { properties: {} };

export default schema;
