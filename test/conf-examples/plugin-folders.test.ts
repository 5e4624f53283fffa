import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { exampleOf, findPluginFolders, scenariosOf } from "../../scripts/plugins.ts";
import { canRun, projectRoot } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

// The examples in the plugins' own folders: each plugin's tests show what its example is for.

const withExample = findPluginFolders().filter((plugin) => exampleOf(plugin) !== undefined);
const here = withExample.filter((plugin) => scenariosOf(plugin) === undefined);

describe.runIf(here.length > 0 && canRun(...programs))("the example in the folder of", () => {
  for (const { name, folder } of here) {
    test(`${name} attaches and detaches containers, and leaves nothing`, async () => {
      const file = relative(join(projectRoot, "conf-examples"), join(folder, "example.conflist"));
      await runExample(file, async ({ first, second }) => {
        expect(first.result.interfaces?.length).toBeGreaterThan(0);
        expect(first.addresses.filter((address) => second.addresses.includes(address))).toEqual([]);
      });
    });
  }
});

test("every example of a plugin that needs another kernel is run in the virtual machine", () => {
  for (const plugin of withExample) {
    const scenarios = scenariosOf(plugin);
    if (scenarios === undefined) continue;
    expect(readFileSync(scenarios, "utf8")).toContain(`plugins/${plugin.name}/example.conflist`);
  }
});
