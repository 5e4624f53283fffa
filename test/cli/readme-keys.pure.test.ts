import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findSchemas } from "../../scripts/schemas/find.ts";
import { withKeyTable } from "../../scripts/schemas/table.ts";

const described = await findSchemas();

describe("the tables of keys in the READMEs", () => {
  test.each(described)("$name's says what its schema says: npm run keys", ({ folder, schema }) => {
    const readme = readFileSync(join(folder, "README.md"), "utf8");
    const hasKeys = Object.keys(schema.properties).length > 0;
    expect(withKeyTable(readme, schema)).toBe(hasKeys ? readme : undefined);
  });
});
