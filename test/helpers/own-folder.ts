import type { Node } from "./node.ts";

// Where the machine lacks the folder, one is made in a layer over /etc or the like that only the node sees.
const script = `
set -e
if ! test -d "$1"; then
  mkdir -p "/run/layers/$1/upper" "/run/layers/$1/work"
  above="/$(echo "$1" | cut -d / -f 2)"
  mount -t overlay -o "lowerdir=$above,upperdir=/run/layers/$1/upper,workdir=/run/layers/$1/work" overlay "$above"
  mkdir -p "$1"
fi
mount -t tmpfs -o mode=755 tmpfs "$1"
`;

/** Gives the node an empty folder of its own in the place of the machine's, such as /etc/cni. */
export const giveOwnFolder = async (node: Node, folder: string): Promise<void> =>
  void (await node.exec("sh", ["-c", script, "sh", folder]));
