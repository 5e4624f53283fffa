/** The aliases of the bridges that plugins of ours use; of each the MAC address is fixed. */

/** Made by the plugin bridge: nothing is behind it but what was attached to it, unless an operator adds a port. */
export const BRIDGE_ALIAS = "podwire bridge";
/** Made for an overlay: other nodes are behind it. */
export const OVERLAY_BRIDGE_ALIAS = "podwire overlay bridge";
/** Was there before, without an alias. */
export const FOUND_BRIDGE_ALIAS = "bridge used by podwire";

/** Whether the bridge has been made, by whatever plugin of ours. */
export const isMadeBridge = (alias: string): boolean =>
  alias === BRIDGE_ALIAS || alias === OVERLAY_BRIDGE_ALIAS;
