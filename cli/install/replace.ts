/** Replaces files of a folder by one content: all of them, or none after an error. */
import { Rollback } from "../../shared/rollback.ts";
import { syncDirectory } from "../../shared/system/directory.ts";
import { Errno } from "../../shared/system/errno.ts";
import {
  closeFile,
  linkToFreeName,
  OpenFlag,
  openFile,
  removeFile,
  renameFile,
} from "../../shared/system/file.ts";
import { descriptorStatus, linkStatus } from "../../shared/system/file-status.ts";
import { type Content, contentOf, hasContent, writeContent } from "./content.ts";
import { failedBy, stepError } from "./errors.ts";
import { temporaryName } from "./folder.ts";
import type { Termination } from "./termination.ts";

export type Action = "installed" | "replaced" | "unchanged";

export interface Change {
  readonly name: string;
  readonly action: Action;
}

/** Decides what to do about a name. Throws if a file must not replace what is there. */
function plan(path: string, content: Content, known: Map<string, boolean>, termination: Termination): Action {
  const status = linkStatus(path);
  if (status === undefined) return "installed";
  if (status.kind !== "file" && status.kind !== "link")
    throw new Error(`${path} is neither a file nor a link: remove what is there; nothing was changed`);
  // Names of the same file are compared once.
  const identity = `${status.device}:${status.inode}`;
  const isSame = known.get(identity) ?? hasContent(path, status, content, termination);
  known.set(identity, isSame);
  return isSame ? "unchanged" : "replaced";
}

/** Reasons to copy: no hard links on the file system (FAT), too many links, or the file of another user. */
const linkRefusals = [Errno.EPERM, Errno.EOPNOTSUPP, Errno.EMLINK, Errno.ENOSYS];

/** Gives a file a second name, or copies it if links are not possible. */
function linkOrCopy(from: string, to: string, termination: Termination): void {
  try {
    if (!linkToFreeName(from, to)) throw new Error(`${to} is there already`);
  } catch (thrown) {
    if (!failedBy(thrown, linkRefusals)) throw thrown;
    copy(from, to, termination);
  }
}

function copy(from: string, to: string, termination: Termination): void {
  const descriptor = openFile(from, OpenFlag.readOnly);
  try {
    const mode = descriptorStatus(descriptor).permissions & 0o777;
    writeContent(to, contentOf(descriptor, from, mode), termination);
  } finally {
    closeFile(descriptor);
  }
}

/** The old and the new file of a name, each under a temporary name. */
interface Staged {
  readonly path: string;
  readonly fresh: string;
  /** Undefined if the name is new. */
  readonly old: string | undefined;
}

/** Does everything that needs space or may be refused, before any name changes. */
class Stage {
  private readonly passing: string[] = [];
  private readonly folder: string;
  private readonly termination: Termination;

  constructor(folder: string, termination: Termination) {
    this.folder = folder;
    this.termination = termination;
  }

  private take(purpose: string): string {
    const path = `${this.folder}/${temporaryName(purpose)}`;
    this.passing.push(path);
    return path;
  }

  /** Returns a file with the content: one that the folder has already, or a new one. */
  base(content: Content, changes: readonly Change[]): string {
    for (const { name, action } of changes) {
      const path = `${this.folder}/${name}`;
      if (action === "unchanged" && linkStatus(path)?.isFile === true) return path;
    }
    const path = this.take("content");
    writeContent(path, content, this.termination);
    return path;
  }

  name({ name, action }: Change, base: string): Staged {
    const path = `${this.folder}/${name}`;
    const fresh = this.take(`${name}.new`);
    linkOrCopy(base, fresh, this.termination);
    if (action === "installed") return { path, fresh, old: undefined };
    const old = this.take(`${name}.old`);
    linkOrCopy(path, old, this.termination);
    return { path, fresh, old };
  }

  /** The next installer removes what remains. */
  clear(): void {
    for (const path of this.passing) {
      try {
        removeFile(path);
      } catch {
        // A leftover does no harm.
      }
    }
  }
}

/** rename(2) is atomic: a process that runs the old file keeps it, and each name is always the old or the new file. */
function renameAll(staged: readonly Staged[], folder: string): void {
  const rollback = new Rollback();
  try {
    for (const { path, fresh, old } of staged) {
      rollback.onFailure(() => (old === undefined ? removeFile(path) : renameFile(old, path)));
      renameFile(fresh, path);
    }
    syncDirectory(folder);
    rollback.commit();
  } finally {
    rollback.run();
  }
}

/**
 * Gives all these names of the folder the content; new ones are hard links of one file. After an error the names are
 * as before. The caller holds the folder's lock.
 */
export function replaceAll(
  folder: string,
  names: readonly string[],
  content: Content,
  termination: Termination,
): Change[] {
  const known = new Map<string, boolean>();
  const changes: Change[] = [];
  for (const name of names)
    changes.push({ name, action: plan(`${folder}/${name}`, content, known, termination) });
  const wanted = changes.filter(({ action }) => action !== "unchanged");
  if (wanted.length === 0) return changes;
  const stage = new Stage(folder, termination);
  try {
    const base = stage.base(content, changes);
    const staged: Staged[] = [];
    for (const change of wanted) staged.push(stage.name(change, base));
    syncDirectory(folder);
    renameAll(staged, folder);
    return changes;
  } catch (thrown) {
    const list = wanted.map(({ name }) => name).join(", ");
    throw stepError(`cannot install ${list} into ${folder}, where nothing was changed`, thrown);
  } finally {
    stage.clear();
  }
}
