/**
 * Downloads packages of Debian from this machine's mirror, with a separate state of apt: the machine's own is not
 * changed.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./run.ts";

/** Debian's package lists are signed with these keys. */
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Debian's names of processors. */
export const debianArchitecture = { x64: "amd64", arm64: "arm64" } as const;

/** Runs `work` in a temporary folder. */
export async function inTemporaryFolder<Value>(work: (folder: string) => Promise<Value>): Promise<Value> {
  const folder = mkdtempSync(join(tmpdir(), "podwire-engine-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface Mirror {
  readonly address: string;
  /** The suites in the machine's configuration of apt: "bookworm", "bookworm-updates". */
  readonly suites: readonly string[];
}

/** The distribution's id and codename, such as "debian" and "bookworm" (os-release(5)). */
function readRelease(): { id: string; codename: string } {
  const text = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  const value = (name: string) => new RegExp(`^${name}="?([^"\n]*)`, "m").exec(text)?.[1] ?? "";
  return { id: value("ID"), codename: value("VERSION_CODENAME") };
}

/** True if a repository may be a mirror of Debian. apt checks the signature; a wrong guess only takes time. */
function mayBeDebian(address: string, suite: string): boolean {
  if (/\/debian(-security)?$/.test(address)) return true;
  const { id, codename } = readRelease();
  const names = [codename, "stable", "oldstable", "oldoldstable", "testing", "unstable", "sid"];
  const [name = "", part = "updates"] = suite.split(/[-/]/, 2);
  return id === "debian" && names.includes(name) && ["updates", "security"].includes(part);
}

/**
 * The mirrors in this machine's configuration of apt that may be Debian's, the likeliest first. Empty on other
 * systems. The machine needs no package lists.
 */
export async function debianMirrors(): Promise<Mirror[]> {
  if (!existsSync(KEYRING)) return [];
  const env = { ...process.env, LC_ALL: "C" };
  const lists = await run("apt-get", ["--print-uris", "update"], { env }).catch(() => "");
  const found = new Map<string, Set<string>>();
  for (const [, address = "", suite = ""] of lists.matchAll(
    /^'(.+?)\/+dists\/(.+)\/main\/binary-[^/]+\/Packages/gm,
  ))
    if (mayBeDebian(address, suite)) found.set(address, (found.get(address) ?? new Set()).add(suite));
  const mirrors = [...found].map(([address, suites]) => ({ address, suites: [...suites] }));
  const isCalledSo = ({ address }: Mirror) => Number(address.endsWith("/debian"));
  return mirrors.sort((one, other) => isCalledSo(other) - isCalledSo(one));
}

/** The location of apt's state, and settings against the machine's own: no pins, no hooks, no long waits. */
const configuration = (folder: string, architecture: string) => `
Dir::Etc::SourceList "${folder}/sources.list";
Dir::Etc::SourceParts "${folder}/none";
Dir::Etc::Preferences "${folder}/none";
Dir::Etc::PreferencesParts "${folder}/none";
Dir::State "${folder}/state";
Dir::State::Lists "${folder}/state/lists";
Dir::State::status "${folder}/status";
Dir::Cache "${folder}/cache";
Dir::Cache::Archives "${folder}/cache/archives";
APT::Architecture "${architecture}";
#clear APT::Architectures;
APT::Architectures { "${architecture}"; };
APT::Default-Release "";
APT::Sandbox::User "root";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
`;

/** Calls `apt-get` with these words. */
export type Apt = (...words: string[]) => Promise<string>;

/**
 * Runs `work` with an apt that has only these repositories and one of Debian's architectures. Downloads go into the
 * folder. Repositories are one-line entries (sources.list(5)) without options; apt verifies Debian's signature.
 */
export async function withApt<Value>(
  entries: readonly (readonly ["deb" | "deb-src", address: string, suite: string])[],
  architecture: string,
  work: (apt: Apt, folder: string) => Promise<Value>,
): Promise<Value> {
  return inTemporaryFolder(async (folder) => {
    const lines = entries.map(([type, address, suite]) => {
      const target = type === "deb" ? "Packages" : "Sources";
      return `${type} [signed-by=${KEYRING} target=${target}] ${address} ${suite} main\n`;
    });
    for (const each of ["none", "state/lists/partial", "cache/archives/partial", "downloads"])
      mkdirSync(join(folder, each), { recursive: true });
    writeFileSync(join(folder, "sources.list"), lines.join(""));
    writeFileSync(join(folder, "status"), "");
    writeFileSync(join(folder, "apt.conf"), configuration(folder, architecture));
    const downloads = join(folder, "downloads");
    const env = { ...process.env, LC_ALL: "C" };
    const apt: Apt = (...words) =>
      run("apt-get", ["-c", join(folder, "apt.conf"), ...words], { cwd: downloads, env, timeout: 600_000 });
    await apt("update");
    return work(apt, downloads);
  });
}
