import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { doOnNode, onNode } from "./run.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

const witness = async (key: string) =>
  (await node.exec("sysctl", ["-n", `net.${key.replaceAll("/", ".")}`])).stdout;

const forward = "ipv4/ip_forward";

describe.runIf(canRun("ip", "sysctl"))("a kernel parameter", () => {
  test.each(["0", "1"])("is read and set to %s", async (value) => {
    await doOnNode(node, `sysctls.setSysctl("${forward}", "${value}");`);
    expect(await witness(forward)).toBe(value);
    expect(await onNode(node, `say(sysctls.readSysctl("${forward}"));`)).toBe(value);
  });

  test("that the kernel does not have is undefined, and is set only by force", async () => {
    const outcome = await onNode(
      node,
      `const key = "ipv4/conf/nope/arp_notify";
       say([sysctls.readSysctl(key) ?? null, sysctls.hasSysctl(key), failure(() => sysctls.setSysctlIfPresent(key, "1")), failure(() => sysctls.setSysctl(key, "1"))]);`,
    );
    expect(outcome).toMatchObject([
      null,
      false,
      { returned: null },
      { errno: 2, message: expect.stringContaining("conf/nope/arp_notify") },
    ]);
  });

  test("of an interface with a dot in its name is that interface's", async () => {
    await node.exec("ip", ["link", "add", "eth0.100", "type", "bridge"]);
    await doOnNode(node, 'sysctls.setSysctl("ipv4/conf/eth0.100/arp_notify", "1");');
    expect((await node.exec("cat", ["/proc/sys/net/ipv4/conf/eth0.100/arp_notify"])).stdout).toBe("1");
  });

  test("that the kernel refuses fails with its path", async () => {
    const outcome = await onNode(
      node,
      'say(failure(() => sysctls.setSysctl("ipv4/conf/lo/arp_notify", "many")));',
    );
    expect(outcome).toMatchObject({
      errno: 22,
      message: expect.stringContaining("/proc/sys/net/ipv4/conf/lo/arp_notify"),
    });
  });

  test.each(["setSysctl", "setSysctlIfPresent"])(
    "may be right already where it cannot be written: %s",
    async (set) => {
      await node.exec("sysctl", ["-q", "-w", "net.ipv4.ip_forward=1"]);
      await node.exec("mount", ["-o", "bind,ro", "/proc/sys", "/proc/sys"]);
      const outcome = await onNode(
        node,
        `say([failure(() => sysctls.${set}("${forward}", "1")), failure(() => sysctls.${set}("${forward}", "0"))]);`,
      );
      expect(outcome).toMatchObject([
        { returned: null },
        { errno: 30, message: expect.stringContaining(forward) },
      ]);
      expect(await witness(forward)).toBe("1");
    },
  );
});
