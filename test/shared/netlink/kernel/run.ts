import { type Node, projectRoot, runModule } from "../../../helpers/index.ts";

const prelude = `
import * as addresses from "./shared/netlink/address.ts";
import * as bridges from "./shared/netlink/bridge.ts";
import { NetlinkConnection, Protocol } from "./shared/netlink/connection.ts";
import { NetlinkError } from "./shared/netlink/error.ts";
import * as links from "./shared/netlink/link.ts";
import { isForwarding } from "./shared/netlink/spanning-tree.ts";
import { wakeLink } from "./shared/netlink/link-mode.ts";
import { setArpNotify } from "./shared/netlink/inet.ts";
import * as neighbours from "./shared/netlink/neighbour.ts";
import { BodyWriter } from "./shared/netlink/body-writer.ts";
import * as routes from "./shared/netlink/route.ts";
import * as routeLookups from "./shared/netlink/route-lookup.ts";
import { newVethPair } from "./shared/netlink/veth.ts";
import { formatIp, parseIp } from "./shared/ip/address.ts";
import { formatCidr, parseCidr } from "./shared/ip/cidr.ts";
import { openNamespace } from "./shared/system/netns.ts";
const mac = (last) => links.parseMac("02:00:00:00:00:0" + last);
const failure = (work) => { try { work(); return undefined; } catch (thrown) { return { name: thrown.name, errno: thrown.errno, message: thrown.message }; } };
const say = (value) => console.log(JSON.stringify(value, (key, each) => typeof each === "bigint" ? String(each) : each) ?? "null");
const host = new NetlinkConnection(Protocol.route);
`;

/**
 * Runs statements on the node, with the netlink modules at hand (`links`, `addresses`, `routes`, `routeLookups`, `bridges`, `neighbours`), a
 * connection `host` in the node's namespace, and `say` to hand one value back.
 */
export const onNode = <T = unknown>(node: Node, statements: string): Promise<T> =>
  runModule<T>(node, `${prelude}\n${statements}`);

/** As `onNode`, where nothing is handed back. */
export const doOnNode = async (node: Node, statements: string): Promise<void> => {
  await onNode(node, `${statements}\nsay(null);`);
};

/** A link, an address or a route as the package netlink reads it, with its own socket and its own codec. */
export interface Witnessed {
  readonly data: Readonly<Record<string, unknown>>;
  readonly attrs: Readonly<Record<string, unknown>>;
}

/** Asks the kernel through the package netlink: its native addon works under Node, and knows nothing of ours. */
export const witness = async (
  node: Node,
  ask: "getLinks" | "getAddresses" | "getRoutes",
): Promise<Witnessed[]> => {
  const program = `
    const socket = require("netlink").createRtNetlink();
    const readable = (key, value) =>
      typeof value === "bigint" ? String(value)
      : value?.type === "Buffer" ? Buffer.from(value.data).toString("hex") : value;
    socket.${ask}().then((found) => {
      console.log(JSON.stringify(found.map(({ data, attrs }) => ({ data, attrs })), readable));
      socket.socket.close();
    });`;
  const args = ["--input-type=commonjs", "--eval", program];
  return JSON.parse((await node.exec(process.execPath, args, { cwd: projectRoot })).stdout);
};
