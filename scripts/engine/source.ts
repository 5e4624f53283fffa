/** The engine's source: from a folder, from the cache, from Debian's mirror, or from upstream. Only what the pins know is used. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { digest, keep, readKept } from "./cache.ts";
import { pins, release } from "./release.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Does the work in a folder that is gone afterwards. */
async function inTemporaryFolder<Value>(work: (folder: string) => Promise<Value>): Promise<Value> {
  const folder = mkdtempSync(join(tmpdir(), "podwire-engine-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The pinned files of an archive: name to content. Throws if one is missing, or another one. */
async function unpack(archive: Uint8Array, origin: string): Promise<Map<string, Buffer>> {
  return inTemporaryFolder(async (folder) => {
    const file = join(folder, "archive.tar.xz");
    writeFileSync(file, archive);
    const { failed, stderr } = await execa("tar", ["-xJf", file, "--strip-components=1", "-C", folder], {
      reject: false,
    });
    if (failed) throw new Error(`${origin} cannot be unpacked: ${stderr}`);
    const files = Object.entries(pins).map(([name, pin]) => {
      const path = join(folder, name);
      const content = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
      if (digest(content) !== pin) {
        throw new Error(
          `${origin} is not QuickJS ${release.version}: ${name} has the SHA-256 ${digest(content)}, and not ${pin}`,
        );
      }
      return [name, content] as const;
    });
    return new Map(files);
  });
}

function fromFolder(folder: string): Buffer {
  const found = release.archives.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined)
    throw new Error(`PODWIRE_ENGINE_SOURCE: ${folder} has none of ${release.archives.join(", ")}`);
  return readFileSync(found);
}

async function fromAddress(address: string): Promise<Buffer> {
  const response = await fetch(address).catch((error: Error) => {
    throw new Error(`${address} cannot be reached: ${String(error.cause ?? error.message)}`);
  });
  if (!response.ok) throw new Error(`${address}: ${response.status} ${response.statusText}`);
  return Buffer.from(await response.arrayBuffer());
}

/** The mirror that this machine's apt uses for Debian's main packages; undefined on another system. */
async function debianMirror(): Promise<string | undefined> {
  if (!existsSync(KEYRING)) return undefined;
  const format = "$(REPO_URI) $(SUITE) $(COMPONENT)";
  const { stdout } = await execa("apt-get", ["indextargets", "--format", format, "Created-By: Packages"], {
    reject: false,
  });
  const rows = (stdout ?? "").split("\n").map((row) => row.split(" "));
  const main = rows.filter(([, suite = "", component]) => component === "main" && /^[a-z]+$/.test(suite));
  return main.map(([address]) => address).find((address) => /\/debian\/?$/.test(address ?? ""));
}

/** apt checks the mirror's signature; its state stays in a folder of ours. */
async function fromDebian(mirror: string): Promise<Buffer> {
  return inTemporaryFolder(async (folder) => {
    const list = join(folder, "sources.list");
    writeFileSync(list, `deb-src [signed-by=${KEYRING}] ${mirror} ${release.suite} main\n`);
    for (const each of ["lists/partial", "cache/archives/partial", "parts"])
      mkdirSync(join(folder, each), { recursive: true });
    const options = [
      `Dir::Etc::sourcelist=${list}`,
      `Dir::Etc::sourceparts=${join(folder, "parts")}`,
      `Dir::State::Lists=${join(folder, "lists")}`,
      `Dir::Cache=${join(folder, "cache")}`,
      // The folder belongs to the caller; apt's own user could not write there.
      "APT::Sandbox::User=root",
    ].flatMap((option) => ["-o", option]);
    await execa("apt-get", [...options, "update"], { cwd: folder });
    await execa("apt-get", [...options, "source", "--download-only", release.package], { cwd: folder });
    return fromFolder(folder);
  });
}

/** Where the source may come from, in the order of trial. */
async function* origins(): AsyncGenerator<readonly [string, () => Promise<Buffer>]> {
  const chosen = process.env["PODWIRE_ENGINE_SOURCE"] ?? "";
  if (chosen !== "") {
    const isAddress = /^https?:/.test(chosen);
    yield [chosen, async () => (isAddress ? await fromAddress(chosen) : fromFolder(chosen))];
    return;
  }
  const mirror = await debianMirror();
  if (mirror !== undefined) yield ["Debian's mirror", () => fromDebian(mirror)];
  yield [release.upstream, () => fromAddress(release.upstream)];
}

const KEPT = `source/quickjs-${release.version}.tar.xz`;

async function fromCache(): Promise<Map<string, Buffer> | undefined> {
  const kept = process.env["PODWIRE_ENGINE_SOURCE"] === undefined ? readKept(KEPT) : undefined;
  return kept === undefined ? undefined : unpack(kept, "the kept archive").catch(() => undefined);
}

/** The engine's files, name to content. Throws with every origin that failed, and what to do. */
export async function engineSource(): Promise<Map<string, Buffer>> {
  const kept = await fromCache();
  if (kept !== undefined) return kept;
  const failures: string[] = [];
  for await (const [origin, read] of origins()) {
    try {
      const archive = await read();
      const files = await unpack(archive, origin);
      keep(KEPT, archive);
      return files;
    } catch (error) {
      failures.push(`  ${(error as Error).message.trim().replaceAll("\n", "\n    ")}`);
    }
  }
  throw new Error(
    `the source of QuickJS ${release.version} is not to be had:\n${failures.join("\n")}\n` +
      `Put ${release.archives.join(" or ")} into a folder, and set PODWIRE_ENGINE_SOURCE to it.`,
  );
}
