import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { describe, expect, test } from "vitest";
import { projectRoot } from "../helpers/index.ts";
import { bridge } from "./podwire.ts";

const folder = join(projectRoot, "dist/schemas");
const compile = (file: string) => {
  const ajv = new Ajv2020({ strict: true });
  addFormats(ajv);
  return ajv.compile(JSON.parse(readFileSync(join(folder, file), "utf8")) as object);
};

describe("the published schemas", () => {
  test.each(readdirSync(folder))("%s says nothing that a strict reader ignores", (file) => {
    expect(() => compile(file)).not.toThrow();
  });

  test("ask for a name and a type where a plugin stands alone", () => {
    const conf = compile("conf.schema.json");
    const whole = { ...bridge, name: "net", cniVersion: "1.0.0" };
    expect(conf(whole)).toBe(true);
    for (const key of ["name", "type"]) expect(conf({ ...whole, [key]: undefined })).toBe(false);
    expect(conf({ ...whole, isGateway: "yes" })).toBe(false);
    expect(conf([whole])).toBe(false);
  });
});
