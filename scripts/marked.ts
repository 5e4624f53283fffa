/** The generated parts of Markdown files, each between two marks: <!-- name --> and <!-- /name -->. */
import { readFileSync, writeFileSync } from "node:fs";

const marksOf = (name: string) => ({ begin: `<!-- ${name} -->`, end: `<!-- /${name} -->` });

/** Whether a file has the marks of that name. */
export function hasMarks(file: string, name: string): boolean {
  const { begin, end } = marksOf(name);
  const text = readFileSync(file, "utf8");
  const from = text.indexOf(begin);
  return from >= 0 && text.indexOf(end) > from;
}

/** Puts the text between the marks of that name, and changes nothing else. Throws if the file has none. */
export function writeBetweenMarks(file: string, name: string, text: string): void {
  const { begin, end } = marksOf(name);
  if (!hasMarks(file, name)) throw new Error(`${file} has no marks ${begin} and ${end}`);
  const old = readFileSync(file, "utf8");
  const [from, to] = [old.indexOf(begin), old.indexOf(end)];
  writeFileSync(file, `${old.slice(0, from + begin.length)}\n${text}\n${old.slice(to)}`);
}
