/** The licences of libraries and packages in an executable: each demands to go with every copy. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Linked } from "../engine/linked.ts";
import { engineSource } from "../engine/source.ts";
import { readLock } from "./lock.ts";
import { bundledPackages, linkedParts } from "./parts.ts";

/** Debian's copy. */
const MUSL = "/usr/share/doc/musl-dev/copyright";

const libgcc = `Parts of libgcc, the compiler's own functions, are under the GNU General Public License, version 3 or later, with the GCC
Runtime Library Exception, version 3.1, by which they may be in a program of any licence:
https://www.gnu.org/licenses/gcc-exception-3.1.html`;

/** The licence text of a library. Throws if this machine lacks it. */
async function textOf({ name }: Linked): Promise<string> {
  if (name === "quickjs") return (await engineSource()).get("LICENSE")?.toString().trim() ?? "";
  if (name === "libgcc") return libgcc;
  if (name !== "musl") throw new Error(`the licence of ${name} is not known`);
  if (!existsSync(MUSL))
    throw new Error(`${MUSL} is missing, which has to go with a copy: releases are made on Debian`);
  return readFileSync(MUSL, "utf8").trim();
}

function licenceOf(root: string, name: string): string {
  const folder = join(root, "node_modules", name);
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
  if (files.length === 0) throw new Error(`${folder} has no licence that could go with the release`);
  const texts = files.sort().map((file) => readFileSync(join(folder, file), "utf8").trim());
  return `${name} ${readLock(root, name).version}\n\n${texts.join("\n\n")}\n`;
}

/** The licence texts of a build's libraries and packages as one text. */
export async function thirdPartyLicences(root: string, built: string): Promise<string> {
  const libraries: string[] = [];
  for (const linked of linkedParts(built))
    libraries.push(`${linked.name} ${linked.version}\n\n${await textOf(linked)}\n`);
  const packages = bundledPackages(built).map((name) => licenceOf(root, name));
  return [...libraries, ...packages].join(`\n${"-".repeat(80)}\n\n`);
}
