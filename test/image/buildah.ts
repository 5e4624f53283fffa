/** buildah with a storage of its own, which is thrown away; nothing comes from a registry of images. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

const minutes = 60_000;

export interface RunOptions {
  /** Host folder to folder in the container. */
  readonly volumes?: Readonly<Record<string, string>>;
  /** Whether it may do all that this machine lets us do; else the process has no capability at all. */
  readonly isPrivileged?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** Bits of /proc/PID/status, by number: include/uapi/linux/capability.h. */
const capabilityNames =
  "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service " +
  "net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin " +
  "sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override " +
  "mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore";

const allCapabilities = capabilityNames.split(" ");

/** What this process may hand on: "all" would be refused where the machine itself keeps one back. */
function ownCapabilities(): string[] {
  const line = /^CapBnd:\t(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8"));
  const bits = BigInt(`0x${line?.[1] ?? "0"}`);
  return allCapabilities
    .filter((_name, bit) => (bits >> BigInt(bit)) & 1n)
    .map((name) => `CAP_${name.toUpperCase()}`);
}

export class Buildah implements AsyncDisposable {
  /** Everything is in here: images, containers, what a test adds. */
  readonly folder: string;
  private readonly env: Readonly<Record<string, string>>;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "podwire-image-"));
    const storage = join(this.folder, "storage.conf");
    // vfs needs nothing of the kernel: plain folders.
    writeFileSync(
      storage,
      `[storage]\ndriver = "vfs"\ngraphroot = "${this.folder}/images"\nrunroot = "${this.folder}/run"\n`,
    );
    mkdirSync(join(this.folder, "tmp"));
    this.env = {
      CONTAINERS_STORAGE_CONF: storage,
      TMPDIR: join(this.folder, "tmp"),
      BUILDAH_ISOLATION: "chroot",
    };
  }

  /** Runs buildah and returns what it prints. */
  async exec(...args: string[]): Promise<string> {
    const { stdout } = await execa("buildah", args, {
      env: this.env,
      stdin: "ignore",
      timeout: 20 * minutes,
    });
    return stdout;
  }

  /** Builds a stage of the Dockerfile, the last one unless told, without asking a registry for its base. */
  async build(context: string, image: string, target?: string): Promise<void> {
    const stage = target === undefined ? [] : ["--target", target];
    // With layers, the stages that two builds share are built once.
    await this.exec("bud", "--layers", "--pull-never", ...stage, "-t", image, context);
  }

  /** What the image says is to be run: entry point and arguments. */
  async command(image: string): Promise<{ Entrypoint?: string[]; Cmd?: string[] }> {
    return JSON.parse(
      await this.exec("inspect", "--type", "image", "--format", "{{json .OCIv1.Config}}", image),
    );
  }

  /** A container of the image. */
  from(image: string): Promise<string> {
    return this.exec("from", "--pull-never", image);
  }

  /** Runs a command in a container; a failure is returned. */
  run(container: string, command: readonly string[], options: RunOptions = {}) {
    const { volumes = {}, isPrivileged = false, env = {} } = options;
    const mounts = Object.entries(volumes).flatMap(([from, to]) => ["--volume", `${from}:${to}`]);
    const variables = Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
    const capabilities = isPrivileged
      ? ["--cap-add", ownCapabilities().join(",")]
      : ["--cap-drop", allCapabilities.map((name) => `CAP_${name.toUpperCase()}`).join(",")];
    const args = ["run", ...mounts, ...variables, ...capabilities, container, "--", ...command];
    return execa("buildah", args, { env: this.env, stdin: "ignore", reject: false, timeout: 10 * minutes });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.exec("rm", "--all").catch(() => undefined);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
