/**
 * The engine's source: from the cache, a given folder or address, Debian's mirror, or upstream. The pinned digests
 * verify it in each case.
 */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { EnvHttpProxyAgent, fetch } from "undici";
import { digest } from "../digest.ts";
import { readCached, writeCached } from "./cache.ts";
import { debianArchitecture, debianMirrors, inTemporaryFolder, withApt } from "./debian.ts";
import { pins, release } from "./release.ts";
import { run } from "./run.ts";

/** The archive has half a megabyte; a larger answer is not the archive. */
const LARGEST = 8 << 20;

/** Throws if a pinned file is missing or different. */
function readPinned(folder: string, origin: string): Map<string, Buffer> {
  const files = Object.entries(pins).map(([name, pin]) => {
    const path = join(folder, name);
    const content = existsSync(path) ? readFileSync(path) : undefined;
    if (content === undefined)
      throw new Error(`${origin} is not QuickJS ${release.version}: it has no ${name}`);
    const found = digest(content);
    if (found !== pin)
      throw new Error(
        `${origin} is not QuickJS ${release.version}: ${name} has the SHA-256 ${found}, not ${pin}`,
      );
    return [name, content] as const;
  });
  return new Map(files);
}

/** The pinned files of an archive: name to content. */
export async function unpack(archive: Uint8Array, origin: string): Promise<Map<string, Buffer>> {
  return inTemporaryFolder(async (folder) => {
    const file = join(folder, "archive.tar.xz");
    writeFileSync(file, archive);
    // Extracts only the pinned names from an unverified archive. readPinned reports missing names.
    const members = Object.keys(pins).map((name) => `*/${name}`);
    const options = ["--strip-components=1", "--no-same-owner", "--no-same-permissions", "--wildcards"];
    const words = ["-xJf", file, "-C", folder, ...options, "--no-wildcards-match-slash", ...members];
    await run("tar", words).catch((error: Error) => {
      if (!error.message.includes("Not found in archive"))
        throw new Error(`${origin} cannot be unpacked: ${error.message}`);
    });
    return readPinned(folder, origin);
  });
}

/** Reads the archive from its path, or from a folder that has it under one of its names. */
function fromPath(path: string): Buffer {
  if (!existsSync(path)) throw new Error(`PODWIRE_ENGINE_SOURCE: there is no ${path}`);
  if (statSync(path).isFile()) return readFileSync(path);
  const found = release.archives.map((name) => join(path, name)).find((file) => existsSync(file));
  if (found === undefined)
    throw new Error(`PODWIRE_ENGINE_SOURCE: ${path} has none of ${release.archives.join(", ")}`);
  return readFileSync(found);
}

/** Uses the proxy of http_proxy, https_proxy and no_proxy, as apt does. */
async function fromAddress(address: string): Promise<Buffer> {
  // The proxy tunnels only TLS: most proxies refuse a tunnel to port 80.
  const dispatcher = new EnvHttpProxyAgent({ connectTimeout: 20_000, proxyTunnel: false });
  try {
    const response = await fetch(address, { dispatcher, signal: AbortSignal.timeout(300_000) });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of response.body ?? []) {
      size += part.length;
      if (size > LARGEST) throw new Error(`it gives more than ${LARGEST} bytes`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  } catch (error) {
    const { message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
    throw new Error(`${address}: ${cause?.message || cause?.code || message}`);
  } finally {
    await dispatcher.destroy();
  }
}

/** Tries a mirror of Debian, which may lack the suite. */
async function fromDebian(address: string): Promise<Buffer> {
  const architecture = debianArchitecture[process.arch as keyof typeof debianArchitecture];
  return withApt([["deb-src", address, release.suite]], architecture, async (apt, folder) => {
    await apt("source", "--download-only", release.package);
    const found = release.archives.map((name) => join(folder, name)).find((file) => existsSync(file));
    if (found === undefined)
      throw new Error(`${address} has another version of ${release.package} in ${release.suite}`);
    return readFileSync(found);
  });
}

interface Origin {
  readonly name: string;
  readonly read: () => Promise<Buffer>;
}

/** The origins of the source in the order of trial. */
async function findOrigins(): Promise<Origin[]> {
  const chosen = process.env["PODWIRE_ENGINE_SOURCE"] ?? "";
  if (/^https?:/.test(chosen)) return [{ name: chosen, read: () => fromAddress(chosen) }];
  if (chosen !== "") return [{ name: chosen, read: async () => fromPath(resolve(chosen)) }];
  const mirrors = (await debianMirrors()).filter(({ suites }) =>
    suites.some((suite) => /^[a-z]+$/.test(suite)),
  );
  return [
    ...mirrors.map(({ address }) => ({ name: address, read: () => fromDebian(address) })),
    { name: release.upstream, read: () => fromAddress(release.upstream) },
  ];
}

/** The archive's name in the cache. */
export const CACHED_ARCHIVE = `source/quickjs-${release.version}`;

/** The engine's files, name to content. Throws the errors of all origins, with advice. */
export async function engineSource(): Promise<Map<string, Buffer>> {
  const kept = readCached(CACHED_ARCHIVE);
  const known = kept && (await unpack(kept, "what an earlier build kept").catch(() => undefined));
  if (known !== undefined) return known;
  const failures: string[] = [];
  for (const { name, read } of await findOrigins()) {
    try {
      const archive = await read();
      const files = await unpack(archive, name);
      writeCached(CACHED_ARCHIVE, archive);
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
