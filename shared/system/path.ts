/** Paths as texts, by POSIX's rules. Pure: reads no file. */

/** Removes ".", ".." if possible, and empty parts, except a slash at the end. Never empty. */
function normalize(path: string): string {
  const isAbsolute = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!isAbsolute) parts.push(part);
  }
  const text = parts.join("/");
  const whole = isAbsolute ? `/${text}` : text === "" ? "." : text;
  return path.endsWith("/") && whole !== "/" ? `${whole}/` : whole;
}

/** Joins a folder and relative paths. */
export function join(...parts: readonly string[]): string {
  return normalize(parts.filter((part) => part !== "").join("/"));
}

/** Resolves a path relative to a folder, which must be absolute. */
export function resolve(folder: string, path: string): string {
  const whole = normalize(path.startsWith("/") ? path : `${folder}/${path}`);
  return whole.endsWith("/") && whole !== "/" ? whole.slice(0, -1) : whole;
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The folder of a path. */
export function dirName(path: string): string {
  const end = path.lastIndexOf("/");
  if (end < 0) return ".";
  return end === 0 ? "/" : path.slice(0, end);
}

/** The ending of a name from its last dot on, such as ".conflist". A leading dot does not count. */
export function extName(path: string): string {
  const name = baseName(path);
  const dot = name.lastIndexOf(".");
  return dot <= 0 || name === ".." ? "" : name.slice(dot);
}
