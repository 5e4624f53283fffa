/** A network namespace in records. */

/** A network namespace as ADD found it. */
export interface NamespaceRecord {
  readonly path: string;
  /** Device and inode: the same path can lead to another namespace later. */
  readonly identity: string;
}
