/** Updates the tables of keys in the plugins' READMEs from their schema.ts: npm run keys. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findSchemas } from "./schemas/find.ts";
import { withKeyTable } from "./schemas/table.ts";

for (const { name, folder, schema } of await findSchemas()) {
  const file = join(folder, "README.md");
  const text = readFileSync(file, "utf8");
  const updated = withKeyTable(text, schema);
  if (updated === undefined || updated === text) continue;
  writeFileSync(file, updated);
  console.log(`${name}: README.md brought up to date`);
}
