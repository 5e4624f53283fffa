import { writeFileSync } from "node:fs";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { sweepSize } from "../../helpers/sweep.ts";
import {
  DATA_DIR,
  filesOf,
  HostLocal,
  indexed,
  networkOf,
  ours,
  reference,
  reservations,
  v4,
  v6,
} from "./subject.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

const tools = canRun(reference);

describe.runIf(tools)("on one folder with the reference", () => {
  const network = { ...networkOf({ ranges: [[v4], [v6]] }), cniVersion: "1.0.0" };
  const pair = () => [new HostLocal(node, network), new HostLocal(node, network, reference)] as const;

  test("what we add, it checks and deletes", async () => {
    const [us, them] = pair();
    await us.add("c1");
    await us.add("c2");
    await them.succeed("CHECK", "c1");
    await them.succeed("DEL", "c1");
    expect(Object.values(reservations(node))).toEqual(Array(2).fill("c2\r\neth0"));
    expect(await us.fail("CHECK", "c1")).toMatchObject({
      msg: expect.stringContaining("no address is reserved"),
    });
    await us.succeed("CHECK", "c2");
    expect(indexed(node)).toEqual(["c2:eth0"]);
  });

  test("what it adds, we check and delete", async () => {
    const [us, them] = pair();
    await us.add("c0");
    await them.add("c1");
    await them.add("c2");
    await us.succeed("CHECK", "c1");
    await us.succeed("DEL", "c1");
    expect(await them.fail("CHECK", "c1")).toMatchObject({ code: 999 });
    await us.succeed("DEL", "c0");
    expect(Object.values(reservations(node))).toEqual(Array(2).fill("c2\r\neth0"));
  });

  test("each goes on where the other stopped", async () => {
    const [us, them] = pair();
    const given = [await us.add("c1"), await them.add("c2"), await us.add("c3"), await them.add("c4")];
    expect(given.map(([address]) => address)).toEqual(["10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"]);
  });

  test("what we made can be given up to it for good, and taken back", async () => {
    const [us, them] = pair();
    await us.add("c1");
    await them.add("c2");
    await them.succeed("DEL", "c1");
    await them.add("c1");
    expect(await us.add("c3")).toEqual(["10.1.0.5", "fd00:1::5"]);
    for (const id of ["c1", "c2", "c3"]) await us.succeed("DEL", id);
    expect(reservations(node)).toEqual({});
  });

  test("a reservation from before interfaces were written down is checked and deleted", async () => {
    const [us, them] = pair();
    await us.add("c1");
    writeFileSync(node.path(`${DATA_DIR}/net/10.1.0.50`), "old");
    await us.succeed("CHECK", "old");
    await us.succeed("DEL", "old");
    // The folder's time stays as it is where a file is written in place.
    const [address] = await us.add("old");
    writeFileSync(node.path(`${DATA_DIR}/net/${address}`), "old");
    await us.succeed("CHECK", "old");
    await us.succeed("DEL", "old");
    expect(Object.keys(reservations(node))).not.toContain(address);
    expect(Object.keys(reservations(node))).not.toContain("10.1.0.50");
    writeFileSync(node.path(`${DATA_DIR}/net/10.1.0.50`), "old");
    await them.succeed("DEL", "old");
    expect(await us.add("c2", { args: "IP=10.1.0.50" })).toContain("10.1.0.50");
  });

  test("an address that a killed reference left blank is free", async () => {
    const [us, them] = pair();
    await them.add("c1");
    for (const [address, text] of [
      ["10.1.0.3", ""],
      ["10.1.0.4", "\r\n"],
      ["fd00:1::3", "\0\0\0\0"],
    ]) {
      writeFileSync(node.path(`${DATA_DIR}/net/${address}`), String(text));
    }
    expect(await us.add("c2")).toEqual(["10.1.0.3", "fd00:1::3"]);
    expect(Object.keys(reservations(node))).not.toContain("10.1.0.4");
  });

  test("attachments added by both at once get distinct addresses", async () => {
    const [us, them] = pair();
    const ids = Array.from({ length: 60 }, (_, index) => `c${index}`);
    const given = await Promise.all(ids.map((id, index) => (index % 2 === 0 ? us : them).add(id)));
    expect(new Set(given.flat()).size).toBe(120);
    await Promise.all(ids.map((id, index) => (index % 4 < 2 ? us : them).succeed("DEL", id)));
    expect(reservations(node)).toEqual({});
  });
});

interface Step {
  readonly command: "ADD" | "DEL" | "CHECK";
  readonly id: string;
  readonly executable: string;
}

const step: fc.Arbitrary<Step> = fc.record({
  command: fc.constantFrom("ADD", "ADD", "DEL", "DEL", "CHECK"),
  id: fc.constantFrom("c1", "c2", "c3", "c4"),
  executable: fc.constantFrom(ours, reference),
});

/** What both must do: the next free address after the last one, of a range of five. */
class Model {
  readonly held = new Map<string, string>();
  #last = 0;

  add(id: string): string {
    for (;;) {
      this.#last = (this.#last % 5) + 1;
      const address = `10.1.0.${this.#last + 1}`;
      if ([...this.held.values()].includes(address)) continue;
      this.held.set(id, address);
      return address;
    }
  }
}

describe.runIf(tools)("in any order with the reference", () => {
  const network = { ...networkOf({ ranges: [[{ subnet: "10.1.0.0/29" }]] }), cniVersion: "1.0.0" };

  async function apply(model: Model, subject: HostLocal, { command, id }: Step): Promise<void> {
    const isHeld = model.held.has(id);
    if (command === "DEL") {
      await subject.succeed("DEL", id);
      model.held.delete(id);
    } else if (command === "CHECK") {
      expect((await subject.run("CHECK", id)).exitCode).toBe(isHeld ? 0 : 1);
      // The reference refuses an ADD that repeats another one; ours gives the same address again.
    } else if (!isHeld) {
      expect(await subject.add(id)).toEqual([model.add(id)]);
    } else if (subject.executable === ours) {
      expect(await subject.add(id)).toEqual([model.held.get(id)]);
    }
  }

  test("both keep one truth", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), fc.uuid(), async (steps, name) => {
        const model = new Model();
        for (const each of steps) {
          await apply(model, new HostLocal(node, { ...network, name }, each.executable), each);
          const expected = [...model.held].map(([id, address]) => [address, `${id}\r\neth0`]);
          expect(reservations(node, name)).toEqual(Object.fromEntries(expected.sort()));
        }
        expect(
          Object.keys(filesOf(node, `${DATA_DIR}/${name}`)).filter((file) => file === "lock"),
        ).toHaveLength(steps.length > 0 ? 1 : 0);
      }),
      { numRuns: sweepSize({ spread: 12, all: 100 }) },
    );
  }, 180_000);
});
