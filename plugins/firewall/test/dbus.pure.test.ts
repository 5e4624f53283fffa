import fc from "fast-check";
import { expect, test } from "vitest";
import { firstBoolean, firstText, messageLength, methodCall, readAnswer } from "../dbus/message.ts";

const method = {
  destination: "org.example.Name",
  path: "/org/example",
  interface: "org.example.Name",
  member: "Do",
};

/** A call as if it were the answer: the same format, with other fields. */
const asAnswer = (bytes: Uint8Array): Uint8Array => {
  const answer = bytes.slice();
  answer[1] = 2;
  return answer;
};

test("a call has the bytes of the specification", () => {
  const bytes = methodCall(method, ["ab"], 7);
  expect([...bytes.subarray(0, 12)]).toEqual([0x6c, 1, 2, 1, 7, 0, 0, 0, 7, 0, 0, 0]);
  expect(messageLength(bytes)).toBe(bytes.length);
  // The body: the length of the text, the text, a NUL.
  expect([...bytes.subarray(-7)]).toEqual([2, 0, 0, 0, 0x61, 0x62, 0]);
});

test("texts come back from a message of any length", () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), fc.string(), (words, member) => {
      const bytes = methodCall({ ...method, member }, words, 1);
      const answer = readAnswer(asAnswer(bytes));
      expect(answer?.signature).toBe("s".repeat(words.length));
      expect(answer && firstText(answer)).toBe(words[0]);
      expect(answer && firstBoolean(answer)).toBe(false);
    }),
  );
});

test("bytes that are no message are refused, and end nothing but the call", () => {
  const bytes = asAnswer(methodCall(method, ["zone", "10.1.0.2/32"], 1));
  const places = fc.record({ at: fc.nat(bytes.length - 1), value: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(places, { minLength: 1, maxLength: 4 }), fc.nat(bytes.length), (changes, cut) => {
      const changed = bytes.slice(0, cut);
      for (const { at, value } of changes) if (at < cut) changed[at] = value;
      try {
        if (messageLength(changed) !== changed.length) return;
        const answer = readAnswer(changed);
        if (answer !== undefined) expect(typeof firstText(answer)).toBe("string");
      } catch (thrown) {
        expect(String(thrown)).toMatch(/D-Bus|header/);
      }
    }),
  );
});
