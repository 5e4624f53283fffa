import { describe, expect, test } from "vitest";
import { canRun, createNode, runModule } from "../../helpers/index.ts";

const evaluated = async <T>(expression: string): Promise<T> => {
  await using node = await createNode();
  return await runModule<T>(
    node,
    `import { containerMac, randomMac } from "./shared/attachment/mac.ts";
     import { parseCidr } from "./shared/ip/cidr.ts";
     const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
     const mac = (containerId, ...addresses) => hex(containerMac({ network: "n", containerId, ifname: "eth0" }, addresses.map(parseCidr)));
     console.log(JSON.stringify(${expression}));`,
  );
};

describe.runIf(canRun("ip"))("the MAC address of a container", () => {
  test("is made from its IPv4 address, in any container", async () => {
    const macs = await evaluated(
      '[mac("a", "10.1.0.2/24"), mac("b", "10.1.0.2/24"), mac("a", "192.0.2.255/32")]',
    );
    expect(macs).toEqual(["0a:58:0a:01:00:02", "0a:58:0a:01:00:02", "0a:58:c0:00:02:ff"]);
  });

  test("is made from the IPv4 address also if an IPv6 address comes first", async () => {
    expect(await evaluated('mac("a", "fd00::2/64", "10.1.0.2/24")')).toBe("0a:58:0a:01:00:02");
  });

  test("is made from its IPv6 address if it has no other", async () => {
    const [a, b, other] = await evaluated<string[]>(
      '[mac("a", "fd00::2/64"), mac("b", "fd00:0::2/64"), mac("a", "fd00::3/64")]',
    );
    expect(a).toMatch(/^0a:58(:[0-9a-f]{2}){4}$/);
    expect(b).toBe(a);
    expect(other).not.toBe(a);
  });

  test("is that of the container if it has no address", async () => {
    const [a, again, b] = await evaluated<string[]>('[mac("a"), mac("a"), mac("b")]');
    expect(again).toBe(a);
    expect(b).not.toBe(a);
  });
});

describe.runIf(canRun("ip"))("a random MAC address", () => {
  test("is for one interface, made here, and another one each time", async () => {
    const macs = await evaluated<string[]>("Array.from({ length: 200 }, () => hex(randomMac()))");
    expect(new Set(macs).size).toBe(200);
    for (const mac of macs) expect(Number.parseInt(mac.slice(0, 2), 16) & 3).toBe(2);
  });
});
