/** Every link of the documentation leads to a file of the project, and to a heading of it if it names one. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { projectRoot } from "../helpers/index.ts";

/** As forges make the anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");

const anchorsIn = (text: string): string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading));

/** What keeps a link of a page from being followed; undefined if nothing does. */
function faultOf(page: string, link: string): string | undefined {
  const [path = "", anchor = ""] = link.split("#");
  const target = join(projectRoot, path === "" ? page : join(dirname(page), path));
  if (!existsSync(target)) return `${page}: ${link}: there is no file`;
  if (anchor === "" || anchorsIn(readFileSync(target, "utf8")).includes(anchor)) return undefined;
  return `${page}: ${link}: there is no heading`;
}

function faultsIn(page: string, text: string): string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
  return links.filter((link) => !link.includes("://")).flatMap((link) => faultOf(page, link) ?? []);
}

const foreign = [".git", "node_modules", "dist"];

/** The pages below a folder of the project, by their paths in it. */
function pagesBelow(folder: string): string[] {
  const entries = readdirSync(join(projectRoot, folder), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return foreign.includes(entry.name) ? [] : pagesBelow(path);
    return path.endsWith(".md") ? [path] : [];
  });
}

test("every page's links lead somewhere", () => {
  const pages = pagesBelow("");
  expect(pages).toEqual(expect.arrayContaining(["README.md", "CONTRIBUTING.md", "docs/README.md"]));
  const faults = pages.flatMap((page) => faultsIn(page, readFileSync(join(projectRoot, page), "utf8")));
  expect(faults).toEqual([]);
});

test("a missing file, and a missing heading, are found", () => {
  const text =
    "[a](docs/install.md) [b](docs/none.md) [c](docs/install.md#the-image) [d](docs/install.md#none)";
  expect(faultsIn("README.md", text)).toEqual([
    "README.md: docs/none.md: there is no file",
    "README.md: docs/install.md#none: there is no heading",
  ]);
});
