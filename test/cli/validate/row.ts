/** A folder of configurations, and what `podwire validate` finds in it. */
export const ipam = { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] };
export const bridge = { type: "bridge", bridge: "br0", ipam };
export const ptp = { type: "ptp", ipam };
export const pm = { type: "portmap", capabilities: { portMappings: true } };
export const net = (...plugins: object[]) => ({ cniVersion: "1.0.0", name: "n", plugins });

/** A finding is a line: file, severity, path, message and advice. */
export type Row = readonly [title: string, contents: Record<string, object>, findings: readonly string[]];
