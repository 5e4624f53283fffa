export { runInBun } from "./bun.ts";
export type { CommandOptions, CommandResult, RunningCommand } from "./command.ts";
export { createNode, type Node } from "./node.ts";
export { createOutside, type Outside } from "./outside.ts";
export { builtPlugin, bunBinary, distBin, projectRoot, referenceBin, referencePlugin } from "./paths.ts";
export type { CniCommand, PluginCall, PluginRun } from "./plugin.ts";
export { canRun, requireRoot, requireTool } from "./requirements.ts";
export type { Snapshot } from "./snapshot.ts";
export { ping, seenAddress, startEcho } from "./traffic.ts";
