/** The source of a release: a commit, or files that differ from it. */
import { execa } from "execa";

export interface Source {
  /** The commit; undefined without git, as in an unpacked archive of the source. */
  readonly commit: string | undefined;
  /** Files that differ from the commit, as in git status. */
  readonly changes: readonly string[];
  /** Seconds since 1970: the commit's time, or SOURCE_DATE_EPOCH. */
  readonly time: number;
}

async function git(root: string, ...args: string[]): Promise<string> {
  return (await execa("git", args, { cwd: root })).stdout;
}

function readEpoch(text: string): number {
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new Error(`SOURCE_DATE_EPOCH is ${JSON.stringify(text)}: it must be whole seconds since 1970`);
}

/** Reads the project's state. Throws if its time is unknown. */
export async function readSource(root: string, epoch: string | undefined): Promise<Source> {
  const given = epoch === undefined || epoch === "" ? undefined : readEpoch(epoch);
  try {
    const [commit = "", time] = (await git(root, "log", "-1", "--format=%H %ct")).split(" ");
    const changes = (await git(root, "status", "--porcelain")).split("\n").filter((line) => line !== "");
    return { commit, changes, time: given ?? Number(time) };
  } catch (thrown) {
    if (given !== undefined) return { commit: undefined, changes: [], time: given };
    const { shortMessage } = thrown as { shortMessage?: string };
    throw new Error(
      `${root} is no clone that git can read (${shortMessage ?? thrown}): set SOURCE_DATE_EPOCH to the time of the release`,
    );
  }
}

/**
 * The version in the archives' names. Files without a commit cannot be released again, so they are refused;
 * `allowDirty` marks them as dirty.
 */
export function labelOf(version: string, { changes }: Source, allowDirty: boolean): string {
  if (changes.length === 0) return version;
  if (allowDirty) return `${version}-dirty`;
  throw new Error(
    `these files differ from the commit, so the release could not be reproduced:\n${changes.join("\n")}\n` +
      "commit or remove them; --allow-dirty makes archives that are called dirty",
  );
}

/** A release takes minutes: throws if the files have changed meanwhile. */
export function requireSame(before: Source, after: Source): void {
  const text = ({ commit, changes }: Source) => [commit, ...changes].join("\n");
  if (text(before) === text(after)) return;
  throw new Error(`the source has changed while the release was made; it is now\n${text(after)}`);
}
