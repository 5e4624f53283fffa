import { buildImage, image } from "../image.ts";
import type { Machine } from "../machine.ts";
import { type Cri, connectCri } from "./cri.ts";

/** The programs that every test of this folder calls. */
export const programs = [
  "containerd",
  "ctr",
  "runc",
  "busybox",
  "ip",
  "iptables-save",
  "nft",
  "ipset",
] as const;

const socket = "/run/containerd/containerd.sock";

// A test may lack the right to raise limits and to lower an OOM score, and control groups' controllers.
const allowances = `
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${image}"
  restrict_oom_score_adj = true
  disable_cgroup = true
  disable_apparmor = true
`;

/** A containerd of the machine's own, with its CRI plugin. */
export interface Containerd extends AsyncDisposable {
  readonly cri: Cri;
  /** Kills containerd, and nothing but containerd. */
  kill(): Promise<void>;
  /** Starts it again. */
  restart(): Promise<void>;
}

async function answers(cri: Cri): Promise<boolean> {
  try {
    const { status } = await cri.call("Status", {});
    return status.conditions.every((condition) => condition.status);
  } catch {
    return false; // It does not listen yet.
  }
}

async function started(machine: Machine) {
  // In a file: containers inherit its output, and would keep a pipe open.
  const running = machine.start("sh", ["-c", "exec containerd >>/run/containerd.log 2>&1"]);
  const cri = connectCri(machine.node.path(socket));
  const until = Date.now() + 30_000;
  while (!(await answers(cri))) {
    if (Date.now() > until) {
      await running.stop("SIGKILL");
      const { stdout } = await machine.node.exec("tail", ["-n", "20", "/run/containerd.log"]);
      throw new Error(`containerd is not ready:\n${stdout}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { running, cri };
}

/**
 * Starts containerd on a machine on which a network is configured, and imports the image. `configuration` is its
 * config.toml, to which only is added what a test needs to run at all.
 */
export async function startContainerd(
  machine: Machine,
  configuration = "version = 2\n",
): Promise<Containerd> {
  machine.write("/etc/containerd/config.toml", `${configuration}${allowances}`);
  let { running, cri } = await started(machine);
  const archive = await buildImage(machine.node, image);
  await machine.node.exec("ctr", ["-n", "k8s.io", "images", "import", archive]);
  const kill = async () => {
    cri.close();
    await running.stop("SIGKILL");
  };
  return {
    get cri() {
      return cri;
    },
    kill,
    restart: async () => {
      ({ running, cri } = await started(machine));
    },
    [Symbol.asyncDispose]: kill,
  };
}
