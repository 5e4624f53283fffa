import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../../helpers/index.ts";
import { onNode } from "./run.ts";

interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly ifalias?: string;
  readonly link_index?: number;
  readonly linkinfo?: { readonly info_kind: string; readonly info_data?: Record<string, unknown> };
}

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

const ipLinks = (netns?: string): Promise<IpLink[]> =>
  node.execJson<IpLink[]>("ip", ["-d", "-j", "link"], netns === undefined ? {} : { netns });
const ipLink = async (name: string, netns?: string): Promise<IpLink | undefined> =>
  (await ipLinks(netns)).find(({ ifname }) => ifname === name);

const imports = `
import { moveLink } from "./shared/netlink/move-link.ts";
import { newLink, probeKind } from "./shared/netlink/new-link.ts";
`;
/** Runs statements that say a value; without one, null. */
const run = <T>(statements: string): Promise<T> => onNode<T>(node, `${imports}\n${statements}`);

describe.runIf(canRun("ip"))("a new link", () => {
  test("of a kind with a parent is made in another namespace, with address, MTU and settings", async () => {
    await node.exec("ip", ["link", "add", "up0", "mtu", "1400", "type", "ifb"]);
    const netns = await node.addNetns("a");
    const parent = (await ipLink("up0"))?.ifindex;
    await run(`
      const namespace = openNamespace("${netns}").descriptor;
      // IFLA_MACVLAN_MODE: private.
      const data = (writer) => void writer.u32(1, 1);
      const message = newLink({ kind: "macvlan", name: "eth0", mac: mac(7), mtu: 1300, parent: ${parent}, namespace, data });
      host.execute(message);
      say(null);`);
    expect(await ipLink("eth0", "a")).toMatchObject({
      address: "02:00:00:00:00:07",
      mtu: 1300,
      link_index: parent,
      linkinfo: { info_kind: "macvlan", info_data: { mode: "private" } },
    });
    expect(await ipLink("eth0")).toBeUndefined();
  });

  test("is refused where its name is taken, and where the kernel does not have the kind", async () => {
    const errors = await run<{ errno: number; message: string }[]>(`
      host.execute(newLink({ kind: "ifb", name: "x0" }));
      say(["ifb", "nonsense"].map((kind) => failure(() => host.execute(newLink({ kind, name: "x0" })))));`);
    expect(errors).toMatchObject([
      { errno: 17, message: expect.stringContaining("create the ifb interface x0") },
      { errno: 17 },
    ]);
    const unknown = await run<{ errno: number }>(
      `say(failure(() => host.execute(newLink({ kind: "nonsense", name: "y0" }))));`,
    );
    expect(unknown.errno).toBe(95);
  });

  test.each(["dummy", "ifb", "macvlan", "veth", "vlan", "vxlan"])(
    "the kernel says whether it has %s, and makes none",
    async (kind) => {
      const args = [
        "link",
        "add",
        "name",
        "known",
        "type",
        kind,
        ...(kind === "vxlan" ? ["id", "1", "dstport", "0"] : []),
      ];
      const { stderr } = await node.exec("ip", args, { reject: false });
      if (!stderr.includes("Unknown device type") && !stderr.includes("not supported"))
        await node.exec("ip", ["link", "delete", "known"], { reject: false });
      const before = (await ipLinks()).map(({ ifname }) => ifname);
      const errno = await run<number>(`say(host.transact([probeKind("${kind}")])[0].error.errno);`);
      expect(errno === 95).toBe(/Unknown device type|not supported/.test(stderr));
      expect((await ipLinks()).map(({ ifname }) => ifname)).toEqual(before);
    },
  );
});

describe.runIf(canRun("ip"))("a link that is moved", () => {
  test("has its new name and alias in the other namespace, and is down", async () => {
    await node.exec("ip", ["link", "add", "up0", "up", "type", "veth", "peer", "name", "up1"]);
    const netns = await node.addNetns("a");
    const before = await ipLink("up0");
    await run(`
      const namespace = openNamespace("${netns}").descriptor;
      host.execute(moveLink(${before?.ifindex}, { namespace, name: "eth0", alias: "was up0" }));
      say(null);`);
    expect(await ipLink("up0")).toBeUndefined();
    const after = await ipLink("eth0", "a");
    expect(after).toMatchObject({ address: before?.address, ifalias: "was up0" });
    expect(after?.flags).not.toContain("UP");
  });

  test("stays where it is when both its names are taken there; %d finds a free one", async () => {
    const netns = await node.addNetns("a");
    for (const name of ["up0", "eth0"])
      await node.exec("ip", ["link", "add", name, "type", "ifb"], { netns: "a" });
    await node.exec("ip", ["link", "add", "up0", "type", "veth", "peer", "name", "up1"]);
    const before = await ipLink("up0");
    const error = await run<{ errno: number }>(`
      const namespace = openNamespace("${netns}").descriptor;
      say(failure(() => host.execute(moveLink(${before?.ifindex}, { namespace, name: "eth0", alias: "" }))));`);
    expect(error.errno).toBe(17);
    expect(await ipLink("up0")).toMatchObject({ address: before?.address });
    await run(`
      const namespace = openNamespace("${netns}").descriptor;
      host.execute(moveLink(${before?.ifindex}, { namespace, name: "dev%d", alias: "" }));
      say(null);`);
    const found = (await ipLinks("a")).find(({ address }) => address === before?.address);
    expect(found?.ifname).toMatch(/^dev\d+$/);
    expect(found?.ifalias).toBeUndefined();
  });
});
