import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { onNode } from "./run.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

describe.runIf(canRun("ip"))("a text", () => {
  test("has the bytes that Buffer makes of it", async () => {
    const samples = fc.sample(fc.string({ unit: "binary" }), 300);
    const bytes = await onNode(
      node,
      `say(${JSON.stringify(samples)}.map((text) => [...texts.encodeText(text)]));`,
    );
    expect(bytes).toEqual(samples.map((text) => [...Buffer.from(text)]));
  });

  test("of any bytes is what Buffer makes of them; without a byte order mark, unless it is asked for", async () => {
    const mark = [0xef, 0xbb, 0xbf];
    const bytes = fc.array(fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...mark, 0xe2, 0x82)));
    const samples = [[], mark, [...mark, ...mark, 0x61], mark.slice(1), ...fc.sample(bytes, 300)];
    const outcome = await onNode<[string, string][]>(
      node,
      `say(${JSON.stringify(samples)}.map((bytes) => Uint8Array.from(bytes)).map((bytes) => [texts.decodeTextWithMark(bytes), texts.decodeText(bytes)]));`,
    );
    const whole = samples.map((sample) => Buffer.from(sample).toString());
    expect(outcome).toEqual(whole.map((text) => [text, text.replace(/^\uFEFF/, "")]));
  });
});
