import { join } from "node:path";
import { credentials, loadPackageDefinition, type ServiceError } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { projectRoot } from "../../helpers/index.ts";

export interface PortMapping {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly containerPort: number;
  readonly hostPort: number;
}

/** What a pod's sandbox is made from. */
export interface PodSandboxConfig {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly namespace: string;
    readonly attempt?: number;
  };
  readonly hostname: string;
  readonly logDirectory: string;
  readonly portMappings?: readonly PortMapping[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly linux: object;
}

export interface ContainerConfig {
  readonly metadata: { readonly name: string };
  readonly image: { readonly image: string };
  readonly command: readonly string[];
  readonly logPath: string;
  readonly linux: object;
}

export interface PodSandboxStatus {
  readonly status: {
    readonly state: "SANDBOX_READY" | "SANDBOX_NOTREADY";
    readonly network: { readonly ip: string; readonly additionalIps: readonly { readonly ip: string }[] };
  };
  readonly info: Readonly<Record<string, string>>;
}

interface Methods {
  Status: [object, { status: { conditions: readonly { type: string; status: boolean; message: string }[] } }];
  RunPodSandbox: [{ config: PodSandboxConfig }, { podSandboxId: string }];
  StopPodSandbox: [{ podSandboxId: string }, object];
  RemovePodSandbox: [{ podSandboxId: string }, object];
  PodSandboxStatus: [{ podSandboxId: string; verbose: boolean }, PodSandboxStatus];
  ListPodSandbox: [object, { items: readonly { id: string; metadata: { name: string } }[] }];
  CreateContainer: [
    { podSandboxId: string; config: ContainerConfig; sandboxConfig: PodSandboxConfig },
    { containerId: string },
  ];
  StartContainer: [{ containerId: string }, object];
  ExecSync: [
    { containerId: string; cmd: readonly string[]; timeout: number },
    { stdout: Buffer; stderr: Buffer; exitCode: number },
  ];
}

/** A connection to a container runtime, as kubelet has one. */
export interface Cri {
  /** Calls a method; rejects with the runtime's error. */
  call<Method extends keyof Methods>(
    method: Method,
    request: Methods[Method][0],
  ): Promise<Methods[Method][1]>;
  close(): void;
}

// biome-ignore lint/suspicious/noExplicitAny: what the library makes of a .proto file has no types
const definitions: any = loadPackageDefinition(
  loadSync(join(projectRoot, "test/runtimes/containerd/cri.proto"), {
    defaults: true,
    enums: String,
    longs: Number,
  }),
);

/** Connects to the runtime behind a socket. */
export function connectCri(socket: string): Cri {
  const client = new definitions.runtime.v1.RuntimeService(`unix://${socket}`, credentials.createInsecure());
  return {
    call: (method, request) =>
      new Promise((resolve, reject) => {
        const deadline = Date.now() + 120_000;
        // biome-ignore lint/suspicious/noExplicitAny: the answer's type is in Methods
        client[method](request, { deadline }, (error: ServiceError | null, answer: any) => {
          if (error === null) resolve(answer);
          else reject(error);
        });
      }),
    close: () => client.close(),
  };
}
