/** The licences of what is in an executable beside our own code: each asks to go with every copy. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readLock } from "./runtime.ts";

/** Bun's package has no text of its licence, and Bun itself is made of many more parts. */
const runtimeNotice = (version: string) => `Bun ${version}, the run time in the executable

Bun is under the MIT License, copyright Oven (https://bun.com). It is linked with other libraries, among them
JavaScriptCore of WebKit, under the GNU Lesser General Public License, version 2, and TinyCC, under its version 2.1.
All of them, their licences, and how to link Bun anew with a changed JavaScriptCore:
https://github.com/oven-sh/bun/blob/bun-v${version}/LICENSE.md
podwire's own part can be put into any Bun: scripts/build.ts in its source takes one by --target and --runtime.
`;

function licenceOf(root: string, name: string): string {
  const folder = join(root, "node_modules", name);
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
  if (files.length === 0) throw new Error(`${folder} has no licence that could go with the release`);
  const texts = files.sort().map((file) => readFileSync(join(folder, file), "utf8").trim());
  return `${name} ${readLock(root, name).version}\n\n${texts.join("\n\n")}\n`;
}

/** One text for the run time and the packages of a build. */
export function thirdPartyLicences(root: string, runtime: string, packages: readonly string[]): string {
  const parts = [
    runtimeNotice(readLock(root, runtime).version),
    ...packages.map((name) => licenceOf(root, name)),
  ];
  return parts.join(`\n${"-".repeat(80)}\n\n`);
}
