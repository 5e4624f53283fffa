/** A key that stands twice in an object of a JSON text. */

/** A string of JSON, or a bracket. The text is known to be JSON. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]]/g;

interface Level {
  readonly isWanted: boolean;
  readonly keys: Set<string>;
}

/** The first key that stands twice in the object under the key `name` of the outermost object; undefined without one. */
export function duplicateKey(text: string, name: string): string | undefined {
  const levels: Level[] = [];
  let key = "";
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const level = levels.at(-1);
    if (token === "}" || token === "]") levels.pop();
    else if (token === "{" || token === "[") {
      const isWanted = token === "{" && levels.length === 1 && key.toLowerCase() === name;
      levels.push({ isWanted, keys: new Set() });
    } else if (/^\s*:/.test(text.slice(index + token.length, index + token.length + 64))) {
      key = JSON.parse(token) as string;
      if (level?.isWanted === true && level.keys.has(key)) return key;
      level?.keys.add(key);
    }
  }
  return undefined;
}
