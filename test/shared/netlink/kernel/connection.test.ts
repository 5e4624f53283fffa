import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../../helpers/index.ts";
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

const bridge = (name: string) => `bridges.newBridge({ name: "${name}", mac: mac(1), vlanFiltering: false })`;

describe.runIf(canRun("ip"))("a batch of requests", () => {
  test("is worked off to its end, whatever is refused on the way", async () => {
    const answers = await onNode(
      node,
      `const answers = host.transact([${bridge("a0")}, ${bridge("a0")}, ${bridge("a1")}]);
       say(answers.map(({ error, complete }) => [error?.errno ?? 0, complete]));`,
    );
    expect(answers).toEqual([
      [0, true],
      [17, true],
      [0, true],
    ]);
    expect(await names()).toEqual(["a0", "a1"]);
  });

  test("throws the first refusal, when all has been tried", async () => {
    const refused = await onNode(
      node,
      `say(failure(() => host.execute(${bridge("a0")}, links.deleteLink({ name: "gone" }), ${bridge("a0")}, ${bridge("a1")})));`,
    );
    expect(refused).toMatchObject({
      errno: 19,
      message: expect.stringContaining("delete the interface gone"),
    });
    expect(await names()).toEqual(["a0", "a1"]);
  });

  test("takes no offence at a refusal of what only saves time, and at no other one", async () => {
    const refused = await onNode(
      node,
      `const again = (errno) => ({ ...${bridge("a0")}, dispensable: errno });
       say([
         failure(() => host.execute(${bridge("a0")}, again(17), ${bridge("a1")})) ?? "none",
         failure(() => host.execute(again(17))) ?? "none",
         failure(() => host.execute(again(105), ${bridge("a2")})),
       ]);`,
    );
    expect(refused).toMatchObject(["none", "none", { errno: 17 }]);
    expect(await names()).toEqual(["a0", "a1", "a2"]);
  });

  test("throws a refusal of the last one, and of the only one", async () => {
    const refused = await onNode(
      node,
      `say([failure(() => host.execute(${bridge("a0")}, ${bridge("a0")})), failure(() => host.execute(${bridge("a0")}))]);`,
    );
    expect(refused).toMatchObject([{ errno: 17 }, { errno: 17 }]);
  });

  test("leaves the connection ready for the next, refused or not", async () => {
    const found = await onNode<string[]>(
      node,
      `failure(() => host.execute(links.deleteLink({ name: "gone" }), links.deleteLink({ name: "too" })));
       host.execute(${bridge("a0")});
       links.findLink(host, "gone");
       say([links.findLink(host, "a0").name, ...links.listLinks(host).map(({ name }) => name)]);`,
    );
    expect(found).toEqual(["a0", "lo", "a0"]);
  });

  test("of none asks nothing", async () => {
    expect(await onNode(node, "say([host.transact([]), host.execute()]);")).toEqual([[], []]);
  });

  test("of hundreds is answered in full", async () => {
    const count = await onNode(
      node,
      `const lo = links.findLink(host, "lo").index;
       const each = (host) => addresses.addAddress(lo, parseCidr("10.1." + (host >> 8) + "." + (host & 255) + "/32"), { detectDuplicates: false });
       const answers = host.transact(Array.from({ length: 400 }, (_, at) => each(at)));
       say([answers.length, answers.filter(({ error }) => error === undefined).length, addresses.listAddresses(host, lo).length]);`,
    );
    expect(count).toEqual([400, 400, 402]);
  });
});

describe.runIf(canRun("ip"))("a refusal", () => {
  test("has the kernel's own explanation, where it gives one", async () => {
    const { message } = await onNode<{ message: string }>(
      node,
      `const message = { ...${bridge("a0")}, type: 19, purpose: "do the impossible" };
       say(failure(() => host.execute({ ...message, body: new BodyWriter().raw(links.linkHeader(999)).u32(4, 1).finish() })));`,
    );
    expect(message).toBe("could not do the impossible: no such device");
    const explained = await onNode<{ message: string }>(
      node,
      `say(failure(() => host.execute(routes.addRoute(1, { destination: parseCidr("192.0.2.0/24"), gateway: parseIp("10.0.0.1") }))));`,
    );
    expect(explained.message).toMatch(/ \(kernel: \S.*\)$/);
  });

  test("that is expected is returned, and any other is thrown", async () => {
    const attempts = await onNode(
      node,
      `const remove = links.deleteLink({ name: "gone" });
       say([host.attempt(remove, 17, 19).errno, failure(() => host.attempt(remove, 17)).errno, host.attempt(${bridge("a0")}, 17) ?? null]);`,
    );
    expect(attempts).toEqual([19, 19, null]);
  });

  test("of a message that is broken does not break the connection", async () => {
    const found = await onNode(
      node,
      `const broken = { type: 16, flags: 5, body: new Uint8Array(3), purpose: "send nonsense" };
       const unknown = { type: 999, flags: 5, body: new Uint8Array(16), purpose: "ask for the unknown" };
       say([failure(() => host.execute(broken)).message, failure(() => host.execute(unknown)).message, links.findLink(host, "lo").name]);`,
    );
    expect(found).toEqual([
      expect.stringMatching(/^could not send nonsense: invalid argument/),
      expect.stringMatching(/^could not ask for the unknown: operation not supported/),
      "lo",
    ]);
  });
});

describe.runIf(canRun("ip"))("a connection", () => {
  test("stays in the namespace that it was opened in", async () => {
    await node.addNetns("c");
    await node.exec("ip", ["link", "add", "inside", "type", "bridge"], { netns: "c" });
    const listed = await onNode(
      node,
      `const namespace = openNamespace("/run/netns/c");
       const container = namespace.run(() => new NetlinkConnection(Protocol.route));
       const list = (connection) => links.listLinks(connection).map(({ name }) => name);
       say([list(container), list(host), list(container)]);`,
    );
    expect(listed).toEqual([["lo", "inside"], ["lo"], ["lo", "inside"]]);
  });

  test("hears of the changes that it listens for, and of none in time when there are none", async () => {
    const heard = await onNode(
      node,
      `const RTNLGRP_LINK = 1;
       host.subscribe(RTNLGRP_LINK);
       const before = host.waitForEvents(1).length;
       new NetlinkConnection(Protocol.route).execute(${bridge("a0")});
       const bodies = host.waitForEvents(5000);
       say([before, bodies.map((body) => links.readLink(body).name)]);`,
    );
    expect(heard).toEqual([0, ["a0"]]);
  });
});
