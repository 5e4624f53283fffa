/** The alias of a bridge that a plugin of ours made: its MAC address is fixed. */
export const BRIDGE_ALIAS = "podwire bridge";
