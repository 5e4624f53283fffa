/**
 * Makes musl executables run on a Debian machine, to try them: its package musl has the loader and the C library, and none has a
 * C++ library for it. Of that Bun uses a few dozen functions, which are linked from Debian's static one.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";

/** Names of glibc that the static library asks for, and musl 1.2.3 has not. */
const missing = `
/* "Not found": the unwinder then asks dl_iterate_phdr(3). */
int _dl_find_object(void *address, void *result) { return -1; }
char __libc_single_threaded = 0;
void *__dso_handle = 0;
unsigned arc4random(void) { return 4; }
`;

const isOfCxx = (name: string): boolean => /^(_Z|__cxa|__gxx|__dynamic)/.test(name);

/** The names that an executable takes from the C++ library: functions, and tables that it copies. */
async function neededNames(executable: string): Promise<string[]> {
  const { stdout: symbols } = await execa("nm", ["-D", "--undefined-only", executable]);
  const { stdout: relocations } = await execa("readelf", ["-rW", executable]);
  const functions = symbols.split("\n").map((line) => line.trim().split(" ").at(-1) ?? "");
  const copies = relocations
    .split("\n")
    .filter((line) => line.includes("R_X86_64_COPY"))
    .map((line) => line.trim().split(/\s+/)[4] ?? "");
  const plain = [...functions, ...copies].map((name) => name.replace(/@.*/, ""));
  return [...new Set(plain.filter(isOfCxx))];
}

const archive = async (name: string): Promise<string> =>
  (await execa("gcc", [`-print-file-name=${name}`])).stdout;

/** Links libstdc++.so.6 for an executable into a folder, which is for LD_LIBRARY_PATH. */
export async function makeCxxLibrary(executable: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const source = join(folder, "missing.c");
  writeFileSync(source, missing);
  const wanted = (await neededNames(executable)).map((name) => `-Wl,-u,${name}`);
  const archives = await Promise.all(["libstdc++.a", "libgcc_eh.a", "libgcc.a"].map(archive));
  const group = ["-Wl,--start-group", ...archives, "-Wl,--end-group"];
  const library = ["-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libstdc++.so.6"];
  await execa("gcc", [...library, "-o", join(folder, "libstdc++.so.6"), ...wanted, source, ...group]);
  return folder;
}
