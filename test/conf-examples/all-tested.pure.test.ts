import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { projectRoot } from "../helpers/paths.ts";

const namesIn = (folder: string, ending: string): string[] =>
  readdirSync(join(projectRoot, folder))
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length));

test("every configuration example has a test of its name", () => {
  const examples = namesIn("conf-examples", ".conflist");
  expect(examples.length).toBeGreaterThan(0);
  expect(namesIn("test/conf-examples", ".test.ts")).toEqual(expect.arrayContaining(examples));
});
