import { describe, expect, test } from "vitest";
import { canRun, ping } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

interface Qdisc {
  readonly kind: string;
  readonly dev: string;
  readonly bytes: number;
}

describe.runIf(canRun(...programs, "tc"))("conf-examples/bandwidth", () => {
  test("limits a container that asks for it, and not what it exchanges with its neighbours", async () => {
    const bandwidth = { ingressRate: 8e6, ingressBurst: 8e5, egressRate: 8e6, egressBurst: 8e5 };
    await runExample(
      "bandwidth.conflist",
      async ({ node, outside, first, second }) => {
        const [, , , ifb] = first.result.interfaces ?? [];
        const limited = async (): Promise<number> => {
          const qdiscs = await node.execJson<Qdisc[]>("tc", ["-j", "-s", "qdisc"]);
          return qdiscs.find(({ kind, dev }) => kind === "tbf" && dev === ifb?.name)?.bytes ?? 0;
        };
        expect(second.result.interfaces).toHaveLength(3);
        const inside = { netns: first.name };
        expect(await ping(node, second.addresses[0] ?? "", inside)).toBe(true);
        const before = await limited();
        expect(await ping(node, outside.address4, inside)).toBe(true);
        expect(await limited()).toBeGreaterThan(before);
      },
      [{ capabilities: { bandwidth } }, {}],
    );
  });
});
