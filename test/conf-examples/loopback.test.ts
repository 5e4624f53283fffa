import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { canRun, createNode, ping, projectRoot, Runtime, readNetwork } from "../helpers/index.ts";

describe.runIf(canRun("ip", "ping"))("conf-examples/loopback", () => {
  test("lets a container reach itself", async () => {
    await using node = await createNode();
    const runtime = new Runtime(node, readNetwork(join(projectRoot, "conf-examples/loopback.conflist")));
    const attachment = { containerId: "c", netns: await node.addNetns("c"), ifname: "lo" };
    expect(await ping(node, "127.0.0.1", { netns: "c", seconds: 1 })).toBe(false);
    const result = await runtime.add(attachment);
    expect(await ping(node, "127.0.0.1", { netns: "c" })).toBe(true);
    expect(await ping(node, "::1", { netns: "c" })).toBe(true);
    await runtime.check(attachment, result);
    await runtime.del(attachment, result);
    expect(await ping(node, "127.0.0.1", { netns: "c", seconds: 1 })).toBe(false);
  });
});
