import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, describe, expect, test, vi } from "vitest";
import { debianMirrors, withApt } from "../../scripts/engine/debian.ts";
import { pins, release } from "../../scripts/engine/release.ts";
import { engineSource } from "../../scripts/engine/source.ts";
import { projectRoot, requireRoot, requireTool } from "../helpers/index.ts";
import { useScratch } from "../helpers/scratch.ts";
import { type Server, serve } from "./archives.ts";

const isDebian = /^ID=debian$/m.test(readFileSync("/etc/os-release", "utf8"));

let scratch: string;
useScratch((folder) => {
  scratch = folder;
});

/** Has apt read a configuration of the test's in the place of the machine's (apt.conf(5)): sources.list, and files beside it. */
function configureApt(list: string, beside: Readonly<Record<string, string>> = {}): void {
  mkdirSync(join(scratch, "sources.list.d"));
  writeFileSync(join(scratch, "sources.list"), list);
  for (const [name, text] of Object.entries(beside))
    writeFileSync(join(scratch, "sources.list.d", name), text);
  const places = `Dir::Etc::SourceList "${scratch}/sources.list";\nDir::Etc::SourceParts "${scratch}/sources.list.d";\n`;
  writeFileSync(join(scratch, "apt.conf"), places);
  vi.stubEnv("APT_CONFIG", join(scratch, "apt.conf"));
}
afterEach(() => vi.unstubAllEnvs());

describe.runIf(isDebian && requireTool("apt-get"))("the mirrors of Debian that apt knows", () => {
  test("are read from entries of one line, with options, comments and closing slashes", async () => {
    configureApt(`# deb http://no.invalid/debian stable main
deb [arch=amd64,arm64] http://one.invalid/debian/ stable main contrib
deb http://one.invalid/debian stable-updates main
deb-src http://one.invalid/debian stable main
deb http://two.invalid/debian-security stable-security main
`);
    expect(await debianMirrors()).toEqual([
      { address: "http://one.invalid/debian", suites: ["stable", "stable-updates"] },
      { address: "http://two.invalid/debian-security", suites: ["stable-security"] },
    ]);
  });

  test("are read from entries in paragraphs", async () => {
    const text = `Types: deb deb-src
URIs: http://one.invalid/debian http://two.invalid/some/where
Suites: stable stable-updates
Components: main non-free-firmware

Enabled: no
Types: deb
URIs: http://no.invalid/debian
Suites: stable
Components: main
`;
    configureApt("", { "debian.sources": text });
    const suites = ["stable", "stable-updates"];
    expect(await debianMirrors()).toEqual([
      { address: "http://one.invalid/debian", suites },
      { address: "http://two.invalid/some/where", suites },
    ]);
  });

  test("may be a list of mirrors, and those that are called so come first", async () => {
    writeFileSync(join(scratch, "mirrors"), "http://one.invalid/debian\n");
    const list = `mirror+file:${scratch}/mirrors`;
    configureApt(`deb ${list} stable main\ndeb http://two.invalid/debian stable main\n`);
    const addresses = (await debianMirrors()).map(({ address }) => address);
    expect(addresses).toEqual(["http://two.invalid/debian", list]);
  });

  test("are none of other distributors, whatever their suites are called", async () => {
    configureApt(`deb http://tools.invalid/apt tools-stable main
deb http://tools.invalid/flat ./
deb http://tools.invalid/linux/debian-tools stable contrib
deb http://tools.invalid/linux/other nodistro main
`);
    expect(await debianMirrors()).toEqual([]);
  });

  test("are none where there is no apt", async () => {
    vi.stubEnv("PATH", scratch);
    expect(await debianMirrors()).toEqual([]);
  });
});

/** The machine's own mirror. Nothing can be fetched without one in reach that has source packages. */
async function findMirror(): Promise<string | undefined> {
  const [mirror] = isDebian ? await debianMirrors() : [];
  const entries = [["deb-src", mirror?.address ?? "", release.suite]] as const;
  const isReached = await withApt(entries, "amd64", async () => true).catch(() => false);
  if (!isReached) process.stderr.write("skipped: no mirror of Debian with source packages is in reach\n");
  return isReached ? mirror?.address : undefined;
}
const mirror = await findMirror();

/** Has another address lead to the machine's mirror, and apt know that one only. */
async function disguiseMirror(more = ""): Promise<Server> {
  const server = await serve(({ url = "" }, response) => {
    response.writeHead(302, { location: url.replace("/linux/archive", mirror ?? "") }).end();
  });
  configureApt(`deb ${server.address}/linux/archive stable main\n`);
  writeFileSync(join(scratch, "apt.conf"), more, { flag: "a" });
  for (const name of ["http_proxy", "HTTP_PROXY", "PODWIRE_ENGINE_SOURCE"]) vi.stubEnv(name, "");
  vi.stubEnv("PODWIRE_CACHE", join(scratch, "cache"));
  return server;
}

describe.runIf(/^https?:/.test(mirror ?? ""))("the archive comes from Debian's mirror", () => {
  const hasFetched = ({ asked }: Server) => asked.some((url) => url.endsWith(release.archives[0]));

  test("whatever its path, and whatever apt is configured for", async () => {
    const trap = join(scratch, "trapped");
    await using server = await disguiseMirror(`
APT::Default-Release "nowhere";
Dir::State::Lists "${scratch}/no/lists";
APT::Update::Pre-Invoke { "touch ${trap}"; };
APT::Update::Post-Invoke { "touch ${trap}"; };
APT::Update::Post-Invoke-Success { "touch ${trap}"; };
`);
    await engineSource();
    expect(hasFetched(server)).toBe(true);
    expect(existsSync(trap)).toBe(false);
    expect(readdirSync(scratch)).not.toContain("no");
  });

  test.runIf(requireRoot())("for a user who may not change the machine", async () => {
    await using server = await disguiseMirror();
    chmodSync(scratch, 0o777);
    const script = `
      import { engineSource } from "./scripts/engine/source.ts";
      process.setgroups([]);
      process.setgid(65534);
      process.setuid(65534);
      console.log((await engineSource()).size);
    `;
    const words = ["--import", "tsx", "--input-type=module", "-e", script];
    const env = { TMPDIR: scratch, HOME: scratch };
    const { stdout } = await execa(process.execPath, words, { cwd: projectRoot, env });
    expect(Number(stdout)).toBe(Object.keys(pins).length);
    expect(hasFetched(server)).toBe(true);
  });

  test("and not when another one has signed the lists", async () => {
    await using server = await serve(({ url = "" }, response) => {
      // As if it were unsigned: the file without its signature, and no other.
      const isRelease = url.endsWith("/Release");
      response.writeHead(isRelease ? 302 : 404, { location: url.replace("/debian", mirror ?? "") }).end();
    });
    const entries = [["deb-src", `${server.address}/debian`, release.suite]] as const;
    await expect(withApt(entries, "amd64", async () => {})).rejects.toThrow(/not signed/);
  });
});
