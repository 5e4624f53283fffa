import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun, createNode, distBin, type Node } from "../helpers/index.ts";
import { cacheOf, files, runOn } from "./podwire.ts";

// What podwire gc takes for alive, where the host has no interface of the attachment.

/** A plugin that makes nothing on the host: it writes down its calls, and runs /run/on-del in DEL. */
const plugin = `#!/bin/sh
echo "$CNI_COMMAND $CNI_NETNS" >> /run/calls
[ "$CNI_COMMAND" = DEL ] && [ -e /run/on-del ] && . /run/on-del
[ "$CNI_COMMAND" = ADD ] && cat <<END
{ "cniVersion": "1.1.0", "interfaces": [{ "name": "$CNI_IFNAME", "sandbox": "$CNI_NETNS" }],
  "ips": [{ "address": "$ADDRESS", "interface": 0 }] }
END
exit 0
`;

const prepared = async () => {
  const conflist = { cniVersion: "1.1.0", name: "net", plugins: [{ type: "inside" }] };
  const folder = files({ "10-net.conflist": conflist, "bin/inside": plugin });
  chmodSync(`${folder.path}/bin/inside`, 0o755);
  const node = await createNode();
  const env = { NETCONFPATH: folder.path, CNI_PATH: `${folder.path}/bin:${distBin}` };
  const podwire = async (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    expect(await runOn(node, args, { ...env, ...more })).toMatchObject({ exitCode: 0, stderr: "" });
  const deleted = () =>
    readFileSync(node.path("/run/calls"), "utf8")
      .split("\n")
      .flatMap((line) => (line.startsWith("DEL ") ? [line.slice("DEL ".length)] : []));
  const dispose = async () => {
    await node.dispose();
    folder[Symbol.dispose]();
  };
  return { node, podwire, deleted, [Symbol.asyncDispose]: dispose };
};

const giveAddress = (node: Node, netns: string, address: string) =>
  node.exec("sh", ["-ec", "ip link add eth0 type ifb; ip address add $0 dev eth0", address], { netns });

describe.runIf(canRun("ip", "nsenter"))("podwire gc", () => {
  test("keeps an attachment whose namespace has lost its name, as long as a process is in it", async () => {
    await using stage = await prepared();
    const { node, podwire, deleted } = stage;
    const netns = await node.addNetns("a");
    await giveAddress(node, "a", "10.9.0.5/24");
    await podwire(["add", "net", netns], { ADDRESS: "10.9.0.5/24" });
    await using holder = node.start("sh", ["-c", "echo in; exec sleep 60"], { netns: "a" });
    await holder.firstLine();
    await node.exec("ip", ["netns", "delete", "a"]);
    await podwire(["gc", "net"]);
    expect(deleted()).toEqual([]);
    await holder.stop("SIGKILL");
    await podwire(["gc", "net"]);
    expect(deleted()).toEqual([netns]);
    expect(existsSync(cacheOf(node, netns))).toBe(false);
  });

  test("takes an attachment for gone whose path leads to the node itself, or whose addresses every namespace has", async () => {
    await using stage = await prepared();
    const { node, podwire, deleted } = stage;
    await node.addNetns("a");
    const link = "/run/path";
    await node.exec("ln", ["-s", "/run/netns/a", link]);
    await podwire(["add", "net", link], { ADDRESS: "10.9.0.5/24" });
    await podwire(["gc", "net"]);
    expect(deleted()).toEqual([]);
    await node.exec("ln", ["-sfn", "/proc/self/ns/net", link]);
    await podwire(["gc", "net"]);
    expect(deleted()).toEqual([link]);
    const gone = await node.addNetns("b");
    await node.addNetns("c");
    for (const name of ["b", "c"]) await node.exec("ip", ["link", "set", "lo", "up"], { netns: name });
    await podwire(["add", "net", gone], { ADDRESS: "127.0.0.1/8", CNI_IFNAME: "lo" });
    await node.deleteNetns("b");
    await podwire(["gc", "net"]);
    expect(deleted()).toEqual([link, gone]);
  });

  test("leaves an attachment that was made again while it worked", async () => {
    await using stage = await prepared();
    const { node, podwire, deleted } = stage;
    const paths: string[] = [];
    for (const name of ["a", "b"]) {
      const netns = await node.addNetns(name);
      await podwire(["add", "net", netns], { ADDRESS: "10.9.0.5/24" });
      await node.deleteNetns(name);
      paths.push(netns);
    }
    // DEL of one is when another program writes the other one's result again.
    writeFileSync(node.path("/run/on-del"), "touch -d '1 hour' /var/lib/cni/results/net-*\n");
    await podwire(["gc", "net"]);
    expect(deleted()).toHaveLength(1);
    rmSync(node.path("/run/on-del"));
    await podwire(["gc", "net"]);
    expect(deleted().sort()).toEqual(paths.sort());
  });
});
