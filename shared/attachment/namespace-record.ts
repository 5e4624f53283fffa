/** What identifies a network namespace in records. */
/** A network namespace as it was found at ADD. */
export interface NamespaceRecord {
  readonly path: string;
  /** Device and inode: the same path can lead to another namespace later. */
  readonly identity: string;
}
