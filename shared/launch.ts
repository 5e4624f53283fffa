/**
 * The start of the one executable: the name it was called by picks the plugin. Each plugin is a program of its own in
 * here, and only that one's functions are brought into being: the others cost nothing.
 */

/** The programs by name. Without a prototype: "toString" is no plugin. */
export type Programs = Readonly<Record<string, () => void>>;

const baseName = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** Runs the plugin the executable was called as, and exits. `unnamed` is for a name that is none. */
export function launch(programs: Programs, unnamed: () => void): void {
  // A caller may pass any argv[0]; the executable's own file name is the second thing to go by.
  const program = programs[baseName(process.argv0)] ?? programs[baseName(process.execPath)];
  (program ?? unnamed)();
}
