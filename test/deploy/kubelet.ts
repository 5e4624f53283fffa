/** What kubelet makes of the DaemonSet on a node: its folders, the ConfigMap's files, and the container's process. */
import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { builtPlugin, type Node, type RunningCommand } from "../helpers/index.ts";
import { giveOwnFolder } from "../helpers/own-folder.ts";
import { configMap, daemonSet } from "./manifests.ts";

const container = () => {
  const [first] = daemonSet().spec?.template.spec?.containers ?? [];
  if (first === undefined) throw new Error("the DaemonSet has no container");
  return first;
};

const volume = (name: string) => daemonSet().spec?.template.spec?.volumes?.find((one) => one.name === name);

/** Makes the folders that are mounted: on a node that has none of them, at the same places in container and host. */
async function mountVolumes(node: Node, file: string, owner: number): Promise<void> {
  // The machine's own are not to be seen.
  for (const above of ["/opt", "/etc/cni"]) await giveOwnFolder(node, above);
  for (const { name, mountPath } of container().volumeMounts ?? []) {
    const source = volume(name);
    if (source?.hostPath !== undefined && source.hostPath.path !== mountPath)
      throw new Error(`${mountPath} is another folder on the host`);
    mkdirSync(node.path(mountPath), { recursive: true });
    if (source?.hostPath !== undefined) chownSync(node.path(mountPath), owner, owner);
    if (source?.configMap === undefined) continue;
    const { metadata, data } = configMap(file);
    if (metadata?.name !== source.configMap.name)
      throw new Error(`${file} is not the ConfigMap that is mounted`);
    for (const [key, text] of Object.entries(data ?? {}))
      writeFileSync(node.path(`${mountPath}/${key}`), text);
  }
}

/** What makes of root what the container's securityContext leaves: by setpriv(1). */
function confinement(): string[] {
  const { capabilities, allowPrivilegeEscalation } = container().securityContext ?? {};
  if (capabilities?.drop?.join() !== "ALL") throw new Error("only what is added is known here");
  const added = (capabilities.add ?? []).map((name) => `,+${name.toLowerCase()}`);
  const bounds = ["--bounding-set", `-all${added.join("")}`, "--inh-caps", "-all"];
  return allowPrivilegeEscalation === false ? [...bounds, "--no-new-privs"] : bounds;
}

/** Runs the DaemonSet's container on a node of that name, with the ConfigMap of a file. The folders are the owner's. */
export async function startPod(
  node: Node,
  nodeName: string,
  file: string,
  owner = 0,
): Promise<RunningCommand> {
  await mountVolumes(node, file, owner);
  const env: Record<string, string> = {};
  for (const { name, valueFrom } of container().env ?? []) {
    if (valueFrom?.fieldRef?.fieldPath !== "spec.nodeName") throw new Error(`${name} is not known here`);
    env[name] = nodeName;
  }
  // The image's entry point: test/image shows that it is this.
  const command = [builtPlugin("podwire"), "install", ...(container().args ?? [])];
  const running = node.start("setpriv", [...confinement(), "--", ...command], { env });
  await running.firstLine();
  return running;
}
