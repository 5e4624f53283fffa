import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { interfaceNameProblem } from "../../../shared/cni/names.ts";
import { canRun, createNode, runModule } from "../../helpers/index.ts";

const pieces = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom("a", "eth0", "-", ".", "_", "@", "~", "\\", "'", "$", "*", "\u00fc", "\u65e5"),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom("/", ":", " ", "\t", "\n", "\u00a0", "\u00e0", "\u2003", "\u3000", "\u0085"),
  },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 4 }) },
);
const candidates = fc.array(pieces, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(""));

/** What is refused here although the kernel takes it: patterns, and what would spoil a terminal. */
const isOurs = (name: string): boolean =>
  [...name].some((each) => each === "%" || each < " " || each === "\u007f");

describe.runIf(canRun("ip"))("an interface name", () => {
  test("is valid exactly if the kernel makes an interface of that name, but for patterns and control characters", async () => {
    const names = [
      ".",
      "..",
      "...",
      "x".repeat(15),
      "x".repeat(16),
      "\u00e9".repeat(8),
      ...fc.sample(candidates, 300),
    ];
    const asked = [...new Set(names)].filter((name) => name !== "" && !isOurs(name));
    await using node = await createNode();
    const taken = await runModule<boolean[]>(
      node,
      `import { newBridge } from "./shared/netlink/bridge.ts";
       import { NetlinkConnection, Protocol } from "./shared/netlink/connection.ts";
       const host = new NetlinkConnection(Protocol.route);
       const mac = new Uint8Array([2, 0, 0, 0, 0, 1]);
       const takes = (name) => {
         const [answer] = host.transact([newBridge({ name, mac, vlanFiltering: false })]);
         return answer.error === undefined;
       };
       console.log(JSON.stringify(${JSON.stringify(asked)}.map(takes)));`,
    );
    const ours = asked.map((name) => [name, interfaceNameProblem(name) === undefined]);
    expect(ours).toEqual(asked.map((name, at) => [name, taken[at]]));
    expect(taken).toContain(true);
    expect(taken).toContain(false);
  });

  test.each(["eth%d", "%s", "a\u0001", "\u001b[2J", "a\u007f"])("is not %j", (name) => {
    expect(interfaceNameProblem(name)).toBeTypeOf("string");
  });
});
