import { builtPlugin, createNode, createOutside, type Outside } from "../../../test/helpers/index.ts";
import { Host, hostLocal, type Keys } from "../../../test/plugins/attachment/host.ts";

/** The addresses of the cable to the outside (test/helpers/outside.ts), which is the master's link. */
export const ipam = hostLocal([]);
const ranges = [
  [{ subnet: "203.0.113.0/24", rangeStart: "203.0.113.100", gateway: "203.0.113.1" }],
  [{ subnet: "2001:db8:ffff::/64", rangeStart: "2001:db8:ffff::100", gateway: "2001:db8:ffff::1" }],
];
export const routes = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];

/** A network on the uplink of `createWorld`. */
export const network = (keys: Keys = {}): Keys => ({
  cniVersion: "1.1.0",
  name: "net",
  type: "macvlan",
  master: "uplink",
  ipam: { ...ipam, ranges, routes },
  ...keys,
});

/** The same with IPv4 only: nothing waits for duplicate address detection. */
export const network4 = (keys: Keys = {}): Keys =>
  network({ ipam: { ...ipam, ranges: ranges.slice(0, 1), routes: routes.slice(0, 1) }, ...keys });

export interface World extends AsyncDisposable {
  readonly host: Host;
  readonly outside: Outside;
}

/** A host whose interface `uplink` leads to another machine. */
export async function createWorld(executable = builtPlugin("macvlan"), path?: string): Promise<World> {
  const node = await createNode();
  const outside = await createOutside(node);
  const dispose = async () => {
    await outside.dispose();
    await node.dispose();
  };
  return { host: new Host(node, executable, path), outside, [Symbol.asyncDispose]: dispose };
}
