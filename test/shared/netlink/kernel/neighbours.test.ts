import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../../helpers/index.ts";
import { doOnNode, onNode } from "./run.ts";

interface IpNeighbour {
  readonly dst: string;
  readonly lladdr?: string;
  readonly state: readonly string[];
}

let node: Node;
beforeEach(async () => {
  node = await createNode();
  const batch = [
    "link add v0 type veth peer name v1",
    "link set v0 up",
    "link set v1 up",
    "address add 10.1.0.2/24 dev v0",
    "address add fd00::2/64 dev v0 nodad",
  ];
  await node.exec("ip", ["-batch", "-"], { input: `${batch.join("\n")}\n` });
  return () => node.dispose();
});

const set = (address: string, last: number) =>
  `host.execute(neighbours.setNeighbour(links.findLink(host, "v0").index, parseIp("${address}"), mac(${last})));`;

const shown = async (address: string) =>
  (await node.execJson<IpNeighbour[]>("ip", ["-j", "neighbour", "show", "dev", "v0"])).filter(
    ({ dst }) => dst === address,
  );

interface Listed {
  readonly address: string;
  readonly mac: string;
  readonly isPermanent: boolean;
}

const list = (link: string) =>
  onNode<Listed[]>(
    node,
    `const found = neighbours.listNeighbours(host, links.findLink(host, "${link}").index);
     say(found.map(({ address, mac, isPermanent }) => ({ address: formatIp(address), mac, isPermanent })));`,
  );

describe.runIf(canRun("ip")).each(["10.1.0.9", "fd00::9"])("the neighbour %s", (address) => {
  test("is known as ip(8) shows it, and may get another MAC address", async () => {
    await doOnNode(node, set(address, 5));
    expect(await shown(address)).toMatchObject([{ lladdr: "02:00:00:00:00:05", state: ["REACHABLE"] }]);
    await doOnNode(node, set(address, 6));
    expect(await shown(address)).toMatchObject([{ lladdr: "02:00:00:00:00:06" }]);
    expect(await list("v0")).toContainEqual({ address, mac: "02:00:00:00:00:06", isPermanent: false });
  });

  test("is distinguished from those of other interfaces, and has its permanence", async () => {
    const add = ["neighbour", "add", address, "lladdr", "02:00:00:00:00:07", "nud", "permanent", "dev"];
    await node.exec("ip", [...add, "v0"]);
    expect(await list("v0")).toContainEqual({ address, mac: "02:00:00:00:00:07", isPermanent: true });
    expect((await list("v1")).map((each) => each.address)).not.toContain(address);
  });

  test("has no MAC address while it is looked for", async () => {
    await node.exec("ping", ["-c", "1", "-W", "0.1", address], { reject: false });
    expect(await list("v0")).toContainEqual({ address, mac: "", isPermanent: false });
  });
});
