/** Go's net/rpc over HTTP, as the reference plugin and its daemon speak it. */

/** What the client says first, as Go writes it. */
export const GREETING = "CONNECT /_goRPC_ HTTP/1.0\n\n";

/** What the server answers. Go's client compares the status's words. */
export const WELCOME = "HTTP/1.0 200 Connected to Go RPC\n\n";

/** The methods of the daemon. The reference plugin has the first two. */
export const Method = {
  allocate: "DHCP.Allocate",
  release: "DHCP.Release",
  check: "DHCP.Check",
  collect: "DHCP.Collect",
  status: "DHCP.Status",
} as const;

/** Go's words for a method that its server lacks. */
export const isUnknownMethod = (error: string): boolean => error.startsWith("rpc: can't find");

/** A head of HTTP is a line or a few. */
export const LONGEST_HEAD = 8192;

/** Where HTTP's head ends, or -1. */
export function endOfHead(text: string): number {
  const plain = text.indexOf("\n\n");
  const standard = text.indexOf("\r\n\r\n");
  if (plain < 0) return standard < 0 ? -1 : standard + 4;
  return standard < 0 || plain < standard ? plain + 2 : standard + 4;
}
