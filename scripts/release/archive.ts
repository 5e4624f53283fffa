/** Archives that come out the same, byte for byte, from the same files. */
import { createHash } from "node:crypto";
import { cpSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { execa } from "execa";

/** What beside the executables is in an archive, by its path in the project. */
const companions = ["LICENSE", "README.md", "conf-examples"];

/** Lays out the content of an archive: the executables as links of one file, and what belongs to them. */
export function layOut(root: string, built: string, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "bin"), { recursive: true });
  for (const name of readdirSync(join(built, "bin")))
    linkSync(join(built, "bin", name), join(folder, "bin", name));
  for (const name of companions) cpSync(join(root, name), join(folder, name), { recursive: true });
  cpSync(join(built, "schemas"), join(folder, "schemas"), { recursive: true });
}

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
  await execa("tar", ["-cf", tar, ...order, ...owner, "-C", dirname(folder), basename(folder)]);
  // Neither name nor time of the archive inside go into the result.
  await execa("gzip", ["-n", "-9", "-f", tar]);
  await execa("mv", [`${tar}.gz`, file]);
}

/** Writes SHA256SUMS for the files of a folder, as sha256sum(1) checks it. */
export function writeSums(folder: string, names: readonly string[]): void {
  const lines = [...names].sort().map((name) => {
    const sum = createHash("sha256")
      .update(readFileSync(join(folder, name)))
      .digest("hex");
    return `${sum}  ${name}\n`;
  });
  writeFileSync(join(folder, "SHA256SUMS"), lines.join(""));
}
