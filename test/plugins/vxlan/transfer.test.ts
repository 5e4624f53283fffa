/** What pods send each other arrives as it was sent: streams, and datagrams up to the largest. */
import { describe, expect, test } from "vitest";
import { startDigest, transfer } from "../../helpers/bulk.ts";
import { capture } from "../../helpers/capture.ts";
import { canRun } from "../../helpers/index.ts";
import { attachEverywhere, createWorld, l2Network, l3Network, programs } from "./world.ts";

const isV6 = (address: string) => address.includes(":");
const headers = (address: string) => (isV6(address) ? 40 : 20) + 8;
/** What a resolver sends without EDNS at most, with it as a rule, and a lot more than fits one packet. */
const sizes = [512, 1232, 20_000];
const port = 9000;

/** Whether a captured packet is one piece: no fragment of IPv4 (RFC 791), no fragment header of IPv6 (RFC 8200). */
const isWhole = (frame: Buffer): boolean =>
  frame.readUInt16BE(12) === 0x0800
    ? (frame.readUInt16BE(14 + 6) & 0x3fff) === 0
    : frame.readUInt8(14 + 6) !== 44;

describe.runIf(canRun(...programs))("what a pod sends to one of another node arrives unchanged", () => {
  test.each([
    ["l2", 4],
    ["l2", 6],
    ["l3", 4],
    ["l3", 6],
  ] as const)("in the mode %s over IPv%s", async (mode, family) => {
    await using world = await createWorld(2);
    const pods = await attachEverywhere(world, (index) =>
      mode === "l2"
        ? l2Network(world, index, {}, family)
        : l3Network(world, index, {}, { family, families: [4, 6] }),
    );
    const [{ node }, target] = [world.host(0), world.host(1).node];
    const mtu = family === 4 ? 1450 : 1430;
    await using _server = await startDigest(target, port, "pod");
    for (const address of pods[1]?.addresses ?? []) {
      const send = async (kind: "stream" | "datagram", bytes: number) => {
        const { sent, received } = await transfer(node, kind, address, { port, bytes, netns: "pod" });
        expect(sent).toMatch(new RegExp(`^${bytes} `));
        expect(received, `${kind} of ${bytes} bytes to ${address}`).toBe(sent);
      };
      await send("stream", 16_000_000);
      for (const bytes of sizes) await send("datagram", bytes);
      // Just what fits into one packet is not taken apart.
      const full = mtu - headers(address);
      const filter = `dst host ${address} and not tcp and not icmp6`;
      const frames = await capture(target, "eth0", filter, () => send("datagram", full), { netns: "pod" });
      const largest = frames.filter((frame) => frame.length === 14 + mtu);
      expect(largest.length).toBeGreaterThanOrEqual(1);
      expect(frames.every(isWhole)).toBe(true);
      // A byte more is, by the pod itself: the same counts as pieces.
      const pieces = await capture(target, "eth0", filter, () => send("datagram", full + 1), {
        netns: "pod",
      });
      expect(pieces.length).toBeGreaterThanOrEqual(2);
      expect(pieces.some(isWhole)).toBe(false);
    }
  });
});
