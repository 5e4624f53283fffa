/** Writes dist/schemas, and compiles the validators of `podwire validate` at build time. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import standaloneCode from "ajv/dist/standalone/index.js";
import { schemaFiles } from "./files.ts";
import type { Described } from "./find.ts";

/** Writes the schemas into a folder. Returns the source of a module with a validator for `conflist` and `conf`. */
export function writeSchemas(described: readonly Described[], folder: string): string {
  mkdirSync(folder, { recursive: true });
  const files = schemaFiles(described);
  for (const [name, schema] of files)
    writeFileSync(join(folder, `${name}.schema.json`), `${JSON.stringify(schema, undefined, 2)}\n`);
  const ajv = new Ajv2020({
    allErrors: true,
    verbose: false,
    allowUnionTypes: true,
    strictTypes: false,
    strictRequired: false,
    code: { source: true, esm: false, optimize: 1 },
  });
  ajv.addSchema(files.get("conflist") ?? {}, "conflist");
  return standaloneCode(ajv, { conflist: "conflist", conf: "conflist#/$defs/plugin" });
}
