/** Archives with the same bytes for the same files. */
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { execa } from "execa";
import { digestOfFile } from "../digest.ts";

/** Files beside the executables in an archive, by their paths in the project: those that the README links to. */
function companions(root: string): string[] {
  const guides = ["plugins", "ipam"].flatMap((kind) =>
    readdirSync(join(root, kind)).map((name) => `${kind}/${name}/README.md`),
  );
  return [
    ...["LICENSE", "README.md", "CONTRIBUTING.md", "docs", "conf-examples", "deploy"],
    ...guides.filter((path) => existsSync(join(root, path))),
  ];
}

/** Makes the folder of an archive: the executables as links of one file, and their companions. */
export function layOut(root: string, built: string, folder: string, licences: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "bin"), { recursive: true });
  for (const name of readdirSync(join(built, "bin")))
    linkSync(join(built, "bin", name), join(folder, "bin", name));
  for (const name of companions(root)) cpSync(join(root, name), join(folder, name), { recursive: true });
  cpSync(join(built, "schemas"), join(folder, "schemas"), { recursive: true });
  writeFileSync(join(folder, "THIRD-PARTY-LICENSES"), licences);
}

/** Both programs take options from the environment: the caller's must not count. */
const env = { TAR_OPTIONS: "", GZIP: "", LC_ALL: "C" };

/** Packs a folder as a .tar.gz: sorted, with one owner and one time (in seconds since 1970). */
export async function pack(folder: string, file: string, time: number): Promise<void> {
  const order = ["--sort=name", "--format=ustar"];
  const owner = [
    "--owner=root:0",
    "--group=root:0",
    "--numeric-owner",
    `--mtime=@${time}`,
    "--mode=u+w,go-w,a+rX",
  ];
  const tar = `${file}.tar`;
  await execa("tar", ["-cf", tar, ...order, ...owner, "-C", dirname(folder), basename(folder)], { env });
  // -n: gzip stores neither the name nor the time of the archive inside.
  await execa("gzip", ["-n", "-9", "-f", tar], { env });
  renameSync(`${tar}.gz`, file);
}

/** Writes SHA256SUMS of a folder's files for sha256sum(1). */
export function writeSums(folder: string, names: readonly string[]): void {
  const lines = [...names].sort().map((name) => `${digestOfFile(join(folder, name))}  ${name}\n`);
  writeFileSync(join(folder, "SHA256SUMS"), lines.join(""));
}
