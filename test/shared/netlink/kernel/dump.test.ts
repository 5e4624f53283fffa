import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, evaluator, type Node, writeModule } from "../../../helpers/index.ts";
import { onNode } from "./run.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

const names = async (): Promise<string[]> => {
  const links = await node.execJson<{ ifname: string }[]>("ip", ["-j", "link"]);
  return links.map(({ ifname }) => ifname).filter((name) => name !== "lo");
};

describe.runIf(canRun("ip"))("a dump", () => {
  /** Adds and deletes interfaces for as long as it is not stopped. */
  const churn = (prefix: string) =>
    node.start("sh", [
      "-c",
      `echo started; while :; do
         for i in 0 1 2 3 4 5 6 7; do echo "link add ${prefix}$i type bridge"; done | ip -batch -
         for i in 0 1 2 3 4 5 6 7; do echo "link delete ${prefix}$i"; done | ip -batch -
       done`,
    ]);

  test("of more links than fit into one datagram has each of them once", async () => {
    const batch = Array.from({ length: 150 }, (_, at) => `link add stable${at} type bridge`).join("\n");
    await node.exec("ip", ["-batch", "-"], { input: batch });
    const listed = await onNode<string[]>(node, "say(links.listLinks(host).map(({ name }) => name));");
    expect(listed.slice(1).sort()).toEqual((await names()).sort());
    expect(listed).toHaveLength(151);
  });

  test("that is made while links come and go has each link that stays, once", async () => {
    const stable = Array.from({ length: 60 }, (_, at) => `stable${at}`);
    await node.exec("ip", ["-batch", "-"], {
      input: stable.map((name) => `link add ${name} type bridge`).join("\n"),
    });
    const churning = [churn("x"), churn("y")];
    await Promise.all(churning.map((each) => each.firstLine()));
    const faults = await onNode(
      node,
      `const stable = ${JSON.stringify(stable)};
       const faults = [];
       let volatile = 0;
       for (let round = 0; round < 80; round++) {
         const listed = links.listLinks(host).map(({ name }) => name);
         for (const name of stable) {
           const count = listed.filter((each) => each === name).length;
           if (count !== 1) faults.push([round, name, count]);
         }
         volatile += listed.length - stable.length - 1;
       }
       say({ faults, sawVolatileLinks: volatile > 0 });`,
    );
    await Promise.all(churning.map((each) => each.stop("SIGKILL")));
    expect(faults).toEqual({ faults: [], sawVolatileLinks: true });
  });

  test.runIf(canRun("strace"))("that changed while it was read is read again", async () => {
    const batch = Array.from({ length: 60 }, (_, at) => `link add stable${at} type bridge`).join("\n");
    await node.exec("ip", ["-batch", "-"], { input: batch });
    const churning = churn("x");
    await churning.firstLine();
    const rounds = 60;
    const source = `
      import { NetlinkConnection, Protocol } from "./shared/netlink/connection.ts";
      import { listLinks } from "./shared/netlink/link.ts";
      const host = new NetlinkConnection(Protocol.route);
      for (let round = 0; round < ${rounds}; round++) listLinks(host);`;
    await using script = await writeModule(source);
    const options = ["-f", "-qq", "-e", "trace=sendto,recvfrom", "-o", "/run/trace"];
    await node.exec("strace", [...options, evaluator, ...script.words]);
    await churning.stop("SIGKILL");
    const trace = readFileSync(node.path("/run/trace"), "utf8");
    const asked = trace.match(/ sendto\(/g)?.length ?? 0;
    const interrupted = new Set(
      [...trace.matchAll(/NLM_F_DUMP_INTR, nlmsg_seq=(\d+)/g)].map((match) => match[1]),
    );
    expect(interrupted.size).toBeGreaterThan(0);
    // Each is, but for the last of so many in a row that no request follows.
    expect(asked).toBeLessThanOrEqual(rounds + interrupted.size);
    expect(asked).toBeGreaterThanOrEqual(rounds + Math.ceil(0.8 * interrupted.size));
  });

  test("of addresses and routes survives their change", async () => {
    const batch = Array.from({ length: 200 }, (_, at) => `address add 10.1.0.${at + 1}/32 dev lo`).join("\n");
    await node.exec("ip", ["-batch", "-"], { input: batch });
    const churning = node.start("sh", [
      "-c",
      `echo started; while :; do
         for i in $(seq 50); do echo "address add 10.2.0.$i/32 dev lo"; done | ip -batch -
         for i in $(seq 50); do echo "address delete 10.2.0.$i/32 dev lo"; done | ip -batch -
       done`,
    ]);
    await churning.firstLine();
    const seen = await onNode(
      node,
      `const isStable = (cidr) => formatCidr(cidr).startsWith("10.1.");
       const counts = new Set();
       for (let round = 0; round < 100; round++) {
         counts.add("addresses " + addresses.listAddresses(host, 1, [4]).filter(({ cidr }) => isStable(cidr)).length);
         counts.add("routes " + routes.listRoutes(host, { family: 4, table: 255 }).filter(({ destination }) => isStable(destination)).length);
       }
       say([...counts].sort());`,
    );
    await churning.stop("SIGKILL");
    expect(seen).toEqual(["addresses 200", "routes 200"]);
  });
});
