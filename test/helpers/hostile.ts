/** What may stand at a path where a program expects a file of its own. */
import type { Node } from "./node.ts";

/** The file to which a planted link leads, and its text. */
export const TARGET = { path: "/run/target", text: "of another program" };

/** Each kind by name, with the commands that make it at `$1`. */
export const hostileKinds = {
  "a FIFO": 'mkfifo "$1"',
  "an empty folder": 'mkdir "$1"',
  "a folder that holds something": 'mkdir -p "$1/kept"',
  "a link to a file": `ln -s ${TARGET.path} "$1"`,
  "a link to a device without end": 'ln -s /dev/zero "$1"',
  "a link that leads nowhere": 'ln -s /run/nowhere "$1"',
  "a device without end": 'mknod "$1" c 1 5',
  "a device that swallows all": 'mknod "$1" c 1 3',
  "a socket": `python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1"`,
  "a huge file": 'truncate -s 8G "$1"',
  "a file of another owner": 'echo nonsense > "$1"; chown 65534:65534 "$1"; chmod 666 "$1"',
} as const;

export type HostileKind = keyof typeof hostileKinds;
export const hostileNames = Object.keys(hostileKinds) as HostileKind[];

/** Puts it in place of what is there. */
export async function plant(node: Node, path: string, kind: HostileKind): Promise<void> {
  const script = `printf '%s' '${TARGET.text}' > ${TARGET.path}; rm -rf "$1"; ${hostileKinds[kind]}`;
  await node.exec("sh", ["-ec", script, "sh", path]);
}

/** What a planted link leads to, for comparison: it must neither change nor be made. */
export async function targets(node: Node): Promise<string> {
  const { stdout } = await node.exec("sh", [
    "-c",
    `cat ${TARGET.path}; ls -d /run/nowhere 2>/dev/null; true`,
  ]);
  return stdout;
}
