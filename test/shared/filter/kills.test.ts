/** Calls that fail or are killed at one of their system calls: there are never rules without a record. */
import { describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { isWholeSweep } from "../../helpers/sweep.ts";
import { callWith, forEachStep, type Step, stepsOf } from "./system-calls.ts";
import {
  installVariants,
  masqueradeOf,
  natRules,
  nftObjects,
  nftSets,
  type Operation,
  type Owner,
  owner,
  perform,
  recordFiles,
  recordsOf,
  tools,
  type WantedText,
  type Way,
  ways,
} from "./world.ts";

const limit = 600_000;
/** Steps that differ in nothing but numbers are one site. */
const siteOf = ({ line }: Step) => line.replace(/0x[0-9a-f]+|[0-9a-f]{16,}|\d+/g, "#").replace(/= .*$/, "");

/** The sites that were visited in this file, by scenario: of the second way only what the first one lacks, and some more. */
const visited = new Map<string, Set<string>>();
const REVISITED = 8;

/** The steps to visit; each of them with PODWIRE_SWEEP=all. */
const chosen = (scenario: string, steps: readonly Step[]): Step[] => {
  const seen = visited.get(scenario) ?? new Set();
  visited.set(scenario, seen);
  return steps.filter((step, index) => {
    const isNew = !seen.has(siteOf(step));
    seen.add(siteOf(step));
    return isNew || isWholeSweep || index % REVISITED === 0;
  });
};

/** The records of a container on a bridge: its interface, with masquerade and spoof check, and its host ports. */
const recordsFor = (way: Way, who: Owner, index: number): WantedText[] => [
  {
    ...masqueradeOf(way, who, [`10.1.0.${index}/24`, `fd00:1::${index}/64`], ["192.0.2.0/24"]),
    spoofCheck: { port: `veth${index}`, mac: `02:00:00:00:00:0${index}` },
  },
  {
    owner: who,
    kind: "portmap",
    backend: way.backend,
    hostPorts: {
      targets: [`10.1.0.${index}/24`, `fd00:1::${index}/64`],
      mappings: [4, 6].flatMap((family) => [
        { protocol: "tcp", family, hostPort: 8000 + index, containerPort: 80 },
        {
          protocol: "udp",
          family,
          hostPort: 8000 + index,
          containerPort: 53,
          hostIp: family === 4 ? "192.0.2.1" : "2001:db8::1",
        },
      ]),
      snat: true,
      masqAll: false,
      markBit: 13,
      conditions: { 4: [], 6: [] },
    },
  },
];

const removalOf = ({ owner: who, kind }: WantedText): Operation => ({ verb: "remove", owner: who, kind });

/** A node with one container that stays, and one that comes and goes. */
class Stage implements AsyncDisposable {
  readonly node: Node;
  readonly way: Way;
  readonly #neighbour: WantedText[];
  readonly pod: WantedText[];

  private constructor(node: Node, way: Way) {
    this.node = node;
    this.way = way;
    this.#neighbour = recordsFor(way, owner("neighbour"), 3);
    this.pod = recordsFor(way, owner("c1"), 2);
  }

  static async create(way: Way): Promise<Stage> {
    const node = await createNode();
    await installVariants(node);
    const stage = new Stage(node, way);
    await stage.make(stage.#neighbour.map((wanted) => ({ verb: "apply", wanted })));
    return stage;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.node.dispose();
  }

  /** Makes calls that must succeed. */
  async make(operations: readonly Operation[]): Promise<void> {
    expect(await perform(this.node, this.way.variant, operations)).toEqual(operations.map(() => null));
  }

  /** The container comes with all that it wants, and goes. */
  comeAndGo(): Promise<void> {
    const applied = this.pod.map((wanted): Operation => ({ verb: "apply", wanted }));
    return this.make([...applied, ...this.pod.map(removalOf)]);
  }

  steps(operation: Operation): Promise<Step[]> {
    return stepsOf(this.node, this.way.variant, operation);
  }

  call(operation: Operation, step: Step, fate: string): Promise<unknown> {
    return callWith(this.node, this.way.variant, operation, step, fate);
  }

  checkNeighbour(): Promise<void> {
    return this.make(this.#neighbour.map((wanted) => ({ verb: "check", wanted })));
  }

  /** The owners with rules that have no record. */
  async ownersWithoutRecord(): Promise<string[]> {
    const { elements, rules4, rules6 } = await this.state();
    const recorded = new Set((await recordsOf(this.node)).map(({ owner: { containerId } }) => containerId));
    const owners = [...elements, ...rules4, ...rules6].flatMap(
      (line) => /container=(\S+)/.exec(line)?.[1] ?? [],
    );
    return [...new Set(owners)].filter((containerId) => !recorded.has(containerId));
  }

  /** What a runtime, and other programs, can see; rules that all share may be there before they are needed. */
  async state() {
    const { variant, backend } = this.way;
    const natOf = async (family: 4 | 6) =>
      backend === "nftables"
        ? []
        : (await natRules(this.node, variant, family)).filter((rule) => rule.includes("container=")).sort();
    const objects = await nftObjects(this.node);
    const rules = objects.flatMap(({ rule }) =>
      rule?.table === "podwire" ? [`${rule.chain} ${rule.comment}`] : [],
    );
    return {
      files: await recordFiles(this.node),
      elements: [...nftSets(objects)]
        .flatMap(([set, elements]) => elements.map((each) => `${set} ${each}`))
        .sort(),
      rules4: await natOf(4),
      rules6: await natOf(6),
      doubled: rules.filter((rule, index) => rules.indexOf(rule) !== index),
    };
  }
}

/** A call of each kind, and the calls before it. */
interface Scenario {
  readonly name: string;
  /** Owners whose records another program has deleted. */
  readonly unrecorded?: readonly string[];
  readonly before: (stage: Stage) => Promise<void>;
  readonly call: (stage: Stage, index: number) => Operation;
}

const apply = (stage: Stage, index: number): Operation => ({
  verb: "apply",
  wanted: stage.pod[index] as WantedText,
});
const kinds = [
  ["of an interface", 0],
  ["of host ports", 1],
] as const;

const scenarios: Scenario[] = [
  { name: "ADD", before: async () => {}, call: apply },
  {
    name: "a repeated ADD",
    before: (stage) => stage.make(stage.pod.map((wanted) => ({ verb: "apply", wanted }))),
    call: apply,
  },
  {
    name: "DEL",
    before: (stage) => stage.make(stage.pod.map((wanted) => ({ verb: "apply", wanted }))),
    call: (stage, index) => removalOf(stage.pod[index] as WantedText),
  },
  {
    name: "an ADD that repairs",
    before: async ({ node }) => void (await node.exec("nft", ["flush", "ruleset"])),
    call: apply,
  },
  {
    name: "an ADD that recovers deleted records",
    unrecorded: ["neighbour"],
    before: async ({ node }) => void (await node.exec("rm", ["-r", "/run/podwire"])),
    call: apply,
  },
  {
    name: "GC",
    before: (stage) => stage.make(stage.pod.map((wanted) => ({ verb: "apply", wanted }))),
    call: (_, index) => ({
      verb: "collect",
      network: "net",
      keep: [owner("neighbour")],
      kind: index === 0 ? "interface" : "portmap",
    }),
  },
];

describe.runIf(canRun("strace", ...tools)).each(ways)("a call that is killed ($how)", (way) => {
  test.each(scenarios)(
    "leaves no rules without a record, and nothing after DEL: $name",
    async ({ name, before, call, unrecorded = [] }) => {
      await using stage = await Stage.create(way);
      const clean = await stage.state();
      for (const [, index] of kinds) {
        await before(stage);
        const steps = chosen(name, await stage.steps(call(stage, index)));
        await stage.comeAndGo();
        let kills = 0;
        await forEachStep(steps, async (step) => {
          await before(stage);
          if ((await stage.call(call(stage, index), step, "signal=SIGKILL")) === undefined) kills++;
          for (const each of await stage.ownersWithoutRecord()) expect(unrecorded).toContain(each);
          await stage.make(stage.pod.map(removalOf));
          const { files, elements, rules4, rules6 } = await stage.state();
          for (const line of [...elements, ...rules4, ...rules6]) expect(line).not.toContain("container=c1 ");
          expect(clean.files).toEqual(expect.arrayContaining(files));
          // The next calls repair what others have lost.
          await stage.comeAndGo();
          expect(await stage.state()).toEqual(clean);
          await stage.checkNeighbour();
        });
        // The kernel may begin fewer calls again than the time before.
        expect(kills).toBeGreaterThan(0.9 * steps.length - 1);
      }
    },
    limit,
  );
});

describe.runIf(canRun("strace", ...tools)).each(ways)("a system call that fails ($how)", (way) => {
  test(
    "in ADD leaves nothing of the attachment, or the attachment is whole",
    async () => {
      await using stage = await Stage.create(way);
      const clean = await stage.state();
      for (const [, index] of kinds) {
        const operation = apply(stage, index);
        const steps = chosen("an ADD that fails", await stage.steps(operation));
        await stage.comeAndGo();
        await forEachStep(steps, async (step) => {
          const outcome = await stage.call(operation, step, "error=EIO");
          if (outcome === null) {
            const wanted = stage.pod[index] as WantedText;
            await stage.make([{ verb: "check", wanted }, removalOf(wanted)]);
          } else {
            expect(outcome).toMatchObject({ message: expect.stringMatching(/./) });
          }
          expect(await stage.ownersWithoutRecord()).toEqual([]);
          expect(await stage.state()).toEqual(clean);
          await stage.checkNeighbour();
        });
      }
    },
    limit,
  );
});
