/** A node with attachments, on which calls are made to fail. */
import { expect } from "vitest";
import { createNode, type Node } from "../../helpers/index.ts";
import type { Step } from "../../plugins/sweep/system-calls.ts";
import { callWith, stepsOf } from "./system-calls.ts";
import {
  installVariants,
  masqueradeOf,
  type NftObject,
  namesOfRecords,
  nftSets,
  type Operation,
  type Owner,
  owner,
  perform,
  suffix,
  type WantedText,
  type Way,
} from "./world.ts";

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

export const removalOf = ({ owner: who, kind }: WantedText): Operation => ({
  verb: "remove",
  owner: who,
  kind,
});

/** A node with one container that stays, and one that comes and goes. */
export class Stage implements AsyncDisposable {
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

  steps(operation: Operation): Promise<Step[]> {
    return stepsOf(this.node, this.way.variant, operation);
  }

  call(operation: Operation, step: Step, fate: string): Promise<unknown> {
    return callWith(this.node, this.way.variant, operation, step, fate);
  }

  /** Questions that must be answered with yes: the container that stays is as it was. */
  get neighbourChecks(): Operation[] {
    return this.#neighbour.map((wanted) => ({ verb: "check", wanted }));
  }

  get applications(): Operation[] {
    return this.pod.map((wanted) => ({ verb: "apply", wanted }));
  }

  get removals(): Operation[] {
    return this.pod.map(removalOf);
  }

  /** What a runtime, and other programs, can see. Rules that all share may be there before they are needed. */
  async state() {
    const [nft = "", rules4 = "", rules6 = "", files = "", records = ""] = await this.#look();
    const objects = JSON.parse(nft).nftables as NftObject[];
    const rules = objects.flatMap(({ rule }) =>
      rule?.table === "podwire" ? [`${rule.chain} ${rule.comment}`] : [],
    );
    const ofOwners = (text: string) =>
      text
        .split("\n")
        .filter((line) => line.startsWith("-A ") && line.includes("container="))
        .sort();
    const state = {
      files: namesOfRecords(files),
      elements: [...nftSets(objects)]
        .flatMap(([set, elements]) => elements.map((each) => `${set} ${each}`))
        .sort(),
      rules4: ofOwners(rules4),
      rules6: ofOwners(rules6),
      doubled: rules.filter((rule, index) => rules.indexOf(rule) !== index),
    };
    const owners = [...state.elements, ...state.rules4, ...state.rules6].flatMap(
      (line) => /container=(\S+)/.exec(line)?.[1] ?? [],
    );
    const withoutRecord = [...new Set(owners)].filter((each) => !records.includes(`"containerId":"${each}"`));
    return { state, withoutRecord };
  }

  /** One shell: a sweep looks at the node after each step. */
  async #look(): Promise<string[]> {
    const { variant, backend } = this.way;
    const saves = ["iptables", "ip6tables"].map((tool) =>
      backend === "nftables" ? ":" : `${tool}-${suffix(variant)}-save -t nat`,
    );
    const find = "find /run/podwire/filter -type f -printf '%P\\n' 2>/dev/null";
    const commands = [
      "nft -j list ruleset",
      ...saves,
      find,
      "cat /run/podwire/filter/*/records/*.* 2>/dev/null",
    ];
    const { stdout } = await this.node.exec("sh", ["-c", commands.join("\necho ===\n")], { reject: false });
    return stdout.split("===\n");
  }
}
