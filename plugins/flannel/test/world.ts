/** A node on which flanneld has written its file, and what the plugin keeps there. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { writeSubnetEnv } from "../../../test/helpers/subnet-env.ts";
import { Host, type Keys, type Pod } from "../../../test/plugins/attachment/host.ts";

export const programs = ["ip", "ping", "iptables-save", "nft", "ipset"] as const;

export const config: Keys = {
  cniVersion: "1.1.0",
  name: "cbr0",
  type: "flannel",
  delegate: { hairpinMode: true, isDefaultGateway: true },
};

export const dataDir = "/var/lib/cni/flannel";

export const writeOn = ({ node }: Host, path: string, text: string): void => {
  mkdirSync(dirname(node.path(path)), { recursive: true });
  writeFileSync(node.path(path), text);
};

/** The names in the folder of what is kept for DEL. */
export const filesOf = ({ node }: Host): string[] =>
  existsSync(node.path(dataDir)) ? readdirSync(node.path(dataDir)).sort() : [];

export const savedOn = ({ node }: Host, name: string) =>
  JSON.parse(readFileSync(node.path(`${dataDir}/${name}`), "utf8"));

export async function createWorld(): Promise<{ readonly host: Host; readonly pod: Pod }> {
  const host = await Host.create("flannel");
  await writeSubnetEnv(host.node);
  return { host, pod: await host.pod("a") };
}
