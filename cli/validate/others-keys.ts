/** Keys that podwire does not read and that are right where they are: of other tools, and comments. */

/** JSON has no comments, so people and distributions write keys for them. */
const commentWords: readonly string[] = [
  "comment",
  "comments",
  "description",
  "doc",
  "docs",
  "documentation",
  "note",
  "notes",
  "todo",
];

/** "_comment", "//", "#", "$schema", "example.com/key"; and the words above. */
const isComment = (key: string) =>
  /^[_#$]/.test(key) || key.includes("/") || commentWords.includes(key.toLowerCase());

/**
 * Written and read back by nerdctl (nerdctlID, nerdctlLabels, ipRange) and podman (args.podman_labels). The last part of the place
 * counts.
 */
const ofTools: Readonly<Record<string, readonly string[]>> = {
  list: ["nerdctlID", "nerdctlLabels", "args"],
  plugin: ["nerdctlID", "nerdctlLabels"],
  range: ["ipRange"],
};

export type PlaceName = "list" | "plugin" | "ipam" | "range" | "other";

/** Whether a key means something to a person or another tool there. */
export const isOfOthers = (key: string, place: PlaceName): boolean =>
  isComment(key) || (ofTools[place] ?? []).includes(key);
