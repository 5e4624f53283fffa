/** The engine's archive as it comes from Debian or from upstream, and a server that gives it. */
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { readCached } from "../../scripts/engine/cache.ts";
import { CACHED_ARCHIVE, engineSource } from "../../scripts/engine/source.ts";

/** As the build got it: from Debian's mirror, on Debian. */
export async function originalArchive(): Promise<Buffer> {
  await engineSource();
  const kept = readCached(CACHED_ARCHIVE);
  if (kept === undefined) throw new Error("the build has kept no archive of the engine");
  return kept;
}

/**
 * The files of an archive packed once more, as upstream's has the same files in another order and under another name. `change`
 * may change them before.
 */
export async function repack(
  archive: Uint8Array,
  scratch: string,
  change: (folder: string) => void = () => {},
): Promise<Buffer> {
  const [from, to] = [join(scratch, "from.tar.xz"), join(scratch, "to.tar.xz")];
  const folder = join(scratch, "quickjs-2025-04-26");
  mkdirSync(folder);
  writeFileSync(from, archive);
  await execa("tar", ["-xJf", from, "--strip-components=1", "-C", folder]);
  change(folder);
  const names = readdirSync(folder).sort().reverse();
  const members = names.map((name) => `quickjs-2025-04-26/${name}`);
  await execa("tar", ["-I", "xz -0", "-cf", to, "--mtime=2001-01-01", "-C", scratch, ...members]);
  return readFileSync(to);
}

export interface Server extends AsyncDisposable {
  readonly port: number;
  readonly address: string;
  /** What was asked for, in order: the request line's target. */
  readonly asked: string[];
}

/** A server on this machine's own address, until it is disposed of. */
export async function serve(answer: RequestListener): Promise<Server> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return { port, address: `http://127.0.0.1:${port}`, asked, [Symbol.asyncDispose]: close };
}

/** A server that has these files. */
export const serveFiles = (files: Readonly<Record<string, Uint8Array>>): Promise<Server> =>
  serve(({ url = "" }, response) => {
    const content = files[url];
    response.writeHead(content === undefined ? 404 : 200).end(content);
  });

/** Where no server is any more. */
export async function closedAddress(): Promise<string> {
  const { address, ...server } = await serveFiles({});
  await server[Symbol.asyncDispose]();
  return address;
}
