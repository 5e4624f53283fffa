/** For test/plugins/portmap, until it imports the new name. */
export * from "./kernel-state.ts";
