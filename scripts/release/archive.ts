/** Archives that come out the same, byte for byte, from the same files. */
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

/** What beside the executables is in an archive, by its path in the project: what the README leads to. */
function companions(root: string): string[] {
  const guides = ["plugins", "ipam"].flatMap((kind) =>
    readdirSync(join(root, kind)).map((name) => `${kind}/${name}/README.md`),
  );
  return [
    ...["LICENSE", "README.md", "CONTRIBUTING.md", "docs", "conf-examples", "deploy"],
    ...guides.filter((path) => existsSync(join(root, path))),
  ];
}

/** Lays out the content of an archive: the executables as links of one file, and what belongs to them. */
export function layOut(root: string, built: string, folder: string, licences: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "bin"), { recursive: true });
  for (const name of readdirSync(join(built, "bin")))
    linkSync(join(built, "bin", name), join(folder, "bin", name));
  for (const name of companions(root)) cpSync(join(root, name), join(folder, name), { recursive: true });
  cpSync(join(built, "schemas"), join(folder, "schemas"), { recursive: true });
  writeFileSync(join(folder, "THIRD-PARTY-LICENSES"), licences);
}

/** Nothing of the caller's taste: both programs take options from the environment. */
const env = { TAR_OPTIONS: "", GZIP: "", LC_ALL: "C" };

/** Packs a folder as a .tar.gz: sorted, of one owner and one time (in seconds since 1970), without a trace of who made it. */
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
  // Neither name nor time of the archive inside go into the result.
  await execa("gzip", ["-n", "-9", "-f", tar], { env });
  renameSync(`${tar}.gz`, file);
}

/** Writes SHA256SUMS for the files of a folder, as sha256sum(1) checks it. */
export function writeSums(folder: string, names: readonly string[]): void {
  const lines = [...names].sort().map((name) => `${digestOfFile(join(folder, name))}  ${name}\n`);
  writeFileSync(join(folder, "SHA256SUMS"), lines.join(""));
}
