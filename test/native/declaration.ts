/** What native/native.d.ts declares, read from its text. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../helpers/index.ts";

export interface Parameter {
  readonly name: string;
  readonly type: string;
}

export interface Declared {
  readonly name: string;
  readonly parameters: readonly Parameter[];
}

const declaration = readFileSync(join(projectRoot, "native/native.d.ts"), "utf8");

function parametersOf(list: string): Parameter[] {
  const stated = list.split(",").map((each) => each.split(":").map((part) => part.trim()));
  return stated.flatMap(([name = "", type = ""]) => (name === "" ? [] : [{ name, type }]));
}

function membersOf(name: string): Declared[] {
  const start = declaration.indexOf(`interface ${name} `);
  const body = declaration.slice(start, declaration.indexOf("\n}", start)).replace(/\/\*.*?\*\//gs, "");
  const methods = [...body.matchAll(/^ {2}(\w+)\(([^)]*)\)/gms)];
  return methods.map(([, method = "", list = ""]) => ({ name: method, parameters: parametersOf(list) }));
}

export const systemCalls = membersOf("SystemCalls");

/** All functions. */
export const natives = [...systemCalls, ...membersOf("Native")];
