/** The aliases of bridges that our plugins use. Each of these bridges has a fixed MAC address. */

/** Made by the plugin bridge: it has containers only, unless an operator adds a port. */
export const BRIDGE_ALIAS = "podwire bridge";
/** Made for an overlay: other nodes are behind it. */
export const OVERLAY_BRIDGE_ALIAS = "podwire overlay bridge";
/** Existed before, without an alias. */
export const FOUND_BRIDGE_ALIAS = "bridge used by podwire";

/** Whether one of our plugins made the bridge. */
export const isMadeBridge = (alias: string): boolean =>
  alias === BRIDGE_ALIAS || alias === OVERLAY_BRIDGE_ALIAS;
