import { basename } from "node:path";
import { expect } from "vitest";
import type { Network } from "../../helpers/index.ts";
import { image, urlOf } from "../image.ts";
import type { Containerd } from "./containerd.ts";
import type { PodSandboxConfig, PortMapping } from "./cri.ts";

/** A pod's sandbox. */
export interface Pod {
  readonly id: string;
  readonly config: PodSandboxConfig;
  /** The addresses that the runtime reports, the first one first. */
  readonly addresses: readonly string[];
  /** The name of its network namespace. */
  readonly netns: string;
}

/** What is asked for to get a pod's sandbox. */
export const podConfig = (name: string, portMappings: readonly PortMapping[] = []): PodSandboxConfig => ({
  metadata: { name, uid: `uid-${name}`, namespace: "default" },
  hostname: name,
  logDirectory: "/run/pod-logs",
  portMappings,
  linux: {},
});

interface SandboxInfo {
  readonly runtimeSpec: {
    readonly linux: { readonly namespaces: readonly { readonly type: string; readonly path?: string }[] };
  };
}

/** Runs a pod's sandbox, and asks what it has become. */
export async function runPod({ cri }: Containerd, config: PodSandboxConfig): Promise<Pod> {
  const { podSandboxId: id } = await cri.call("RunPodSandbox", { config });
  const { status, info } = await cri.call("PodSandboxStatus", { podSandboxId: id, verbose: true });
  const addresses = [status.network.ip, ...status.network.additionalIps.map(({ ip }) => ip)];
  const { runtimeSpec } = JSON.parse(info["info"] ?? "") as SandboxInfo;
  const { path = "" } = runtimeSpec.linux.namespaces.find(({ type }) => type === "network") ?? {};
  return { id, config, addresses, netns: basename(path) };
}

/** Stops a sandbox and removes it. */
export async function removePod({ cri }: Containerd, podSandboxId: string): Promise<void> {
  await cri.call("StopPodSandbox", { podSandboxId });
  await cri.call("RemovePodSandbox", { podSandboxId });
}

/** Starts a container in a pod. Returns its ID. */
export async function startContainer(
  { cri }: Containerd,
  pod: Pod,
  command: readonly string[],
  name = "server",
): Promise<string> {
  const config = {
    metadata: { name },
    image: { image },
    command,
    logPath: `${pod.config.metadata.name}-${name}.log`,
    linux: {},
  };
  const request = { podSandboxId: pod.id, config, sandboxConfig: pod.config };
  const { containerId } = await cri.call("CreateContainer", request);
  await cri.call("StartContainer", { containerId });
  return containerId;
}

async function fetch({ cri }: Containerd, containerId: string, url: string): Promise<string> {
  const request = { containerId, cmd: ["wget", "-q", "-O", "-", url], timeout: 20 };
  const { stdout, stderr, exitCode } = await cri.call("ExecSync", request);
  return exitCode === 0 ? stdout.toString().trim() : `exit ${exitCode}: ${stderr}`;
}

/** Expects that a container reaches the server of the pod of that name by an address. */
export async function expectServer(
  containerd: Containerd,
  containerId: string,
  address: string,
  name: string,
): Promise<void> {
  // The server may need a moment to listen.
  await expect.poll(() => fetch(containerd, containerId, urlOf(address))).toBe(name);
}

/** A bridge whose pods reach the outside, and have host ports. */
export const networkWithPorts = (subnet: string): Network => ({
  cniVersion: "1.0.0",
  name: "net",
  plugins: [
    {
      type: "bridge",
      isDefaultGateway: true,
      ipMasq: true,
      ipam: { type: "host-local", ranges: [[{ subnet }]] },
    },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
});
