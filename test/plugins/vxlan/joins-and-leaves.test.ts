/** Whatever peers came and went, and whatever was done by hand: the end is that of a fresh configuration. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { sweepSize } from "../../helpers/sweep.ts";
import {
  createWorld,
  type Keys,
  l2Network,
  l3Network,
  overlayOf,
  programs,
  type VxlanHost,
  type World,
} from "./world.ts";

interface Member {
  readonly number: number;
  readonly mac: "derived" | "given";
  readonly isDual: boolean;
}

const vtep = ({ number }: Member) => `192.0.2.${number}`;
const hex = (value: number) => value.toString(16).padStart(2, "0");
const macOf = ({ number, mac }: Member) =>
  mac === "given" ? `02:00:00:00:01:${hex(number)}` : `0e:76:c0:00:02:${hex(number)}`;
const subnetsOf = ({ number, isDual }: Member) => [
  `10.244.${number}.0/24`,
  ...(isDual ? [`fd00:244:0:${number.toString(16)}::/64`] : []),
];

function peer(member: Member, isRouted: boolean): Keys {
  const mac = member.mac === "given" ? { mac: macOf(member) } : {};
  return { vtep: vtep(member), ...(isRouted ? { ...mac, subnets: subnetsOf(member) } : {}) };
}

/** What the kernel must hold, said in another way than the plugin does. */
function model(members: readonly Member[], isRouted: boolean) {
  const gateways = (member: Member) => subnetsOf(member).map((subnet) => subnet.replace(/\/.*/, ""));
  return {
    fdb: members.map((each) => `${isRouted ? macOf(each) : "00:00:00:00:00:00"} ${vtep(each)}`).sort(),
    neighbours: isRouted
      ? members.flatMap((each) => gateways(each).map((gateway) => `${gateway} ${macOf(each)}`)).sort()
      : [],
    routes: isRouted
      ? members
          .flatMap((each) => subnetsOf(each).map((to) => `${to} via ${to.replace(/\/.*/, "")} dev vx100`))
          .sort()
      : [],
    guard: members.map(vtep).sort(),
  };
}

const member = fc.record({
  number: fc.integer({ min: 2, max: 40 }),
  mac: fc.constantFrom("derived" as const, "given" as const),
  isDual: fc.boolean(),
});
const membership = fc.uniqueArray(member, { selector: ({ number }) => number, maxLength: 12 });
const mischief = fc.constantFrom(
  "nothing",
  "ip link set vx100 down",
  "bridge fdb flush dev vx100",
  "ip neigh flush dev vx100 nud permanent",
  "ip route flush proto 84",
  "nft flush ruleset",
  "ip link delete vx100",
);
const story = fc.array(fc.record({ members: membership, mischief }), { minLength: 2, maxLength: 5 });

function configuration(world: World, members: readonly Member[], mode: "l2" | "l3"): Keys {
  const isRouted = mode === "l3";
  const keys = {
    underlay: { dev: "eth0" },
    discovery: { type: "static", peers: members.map((each) => peer(each, isRouted)) },
  };
  return isRouted ? l3Network(world, 0, keys, { families: [4, 6] }) : l2Network(world, 0, keys);
}

async function addOnce(host: VxlanHost, config: Keys, count: number): Promise<void> {
  const pod = await host.pod(`pod${count}`);
  await host.add(pod, config);
  await host.del(pod, config);
  await host.node.deleteNetns(pod.name);
}

describe.runIf(canRun(...programs))("joins and leaves in any order", () => {
  test.each(["l2", "l3"] as const)(
    "end in the state of a fresh configuration (%s)",
    async (mode) => {
      await using world = await createWorld(1);
      const host = world.host(0);
      let count = 0;
      await fc.assert(
        fc.asyncProperty(story, async (chapters) => {
          for (const { members, mischief: command } of chapters) {
            await addOnce(host, configuration(world, members, mode), count++);
            expect(await overlayOf(host.node)).toEqual(model(members, mode === "l3"));
            if (command !== "nothing") await host.node.exec("sh", ["-c", `${command} || true`]);
          }
        }),
        { numRuns: sweepSize({ spread: 4, all: 30 }) },
      );
    },
    120_000,
  );
});
