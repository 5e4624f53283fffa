/** buildah with a storage of its own, which is thrown away; nothing comes from a registry of images. */
import { once } from "node:events";
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

/** Layers by the kernel, where it can; else whole copies, which takes long. */
async function storageDriver(folder: string): Promise<"overlay" | "vfs"> {
  const script =
    'cd "$1" && mkdir lower upper work merged && mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged';
  const place = join(folder, "probe");
  mkdirSync(place);
  const args = ["--mount", "--propagation", "private", "sh", "-c", script, "sh", place];
  return (await execa("unshare", args, { reject: false, stdin: "ignore" })).exitCode === 0
    ? "overlay"
    : "vfs";
}

/** A mount namespace: what buildah mounts is gone with it, and it is gone with the process that made it. */
async function makeNamespace() {
  const args = ["--mount", "--propagation", "private", "sh", "-c", "echo ready; exec cat"];
  const anchor = execa("unshare", args, { stdin: "pipe", buffer: { stdout: false }, reject: false });
  const early = anchor.then(({ stderr }): never => {
    throw new Error(`no mount namespace: ${stderr}`);
  });
  await Promise.race([once(anchor.stdout, "data"), early]);
  early.catch(() => undefined);
  return { pid: anchor.pid ?? 0, end: () => anchor.stdin.end() };
}

export class Buildah implements AsyncDisposable {
  /** Everything is in here: images, containers, what a test adds. */
  readonly folder: string;
  private readonly env: Readonly<Record<string, string>>;
  private readonly namespace: { readonly pid: number; end(): void };

  private constructor(folder: string, driver: string, namespace: Buildah["namespace"]) {
    this.folder = folder;
    this.namespace = namespace;
    const storage = join(folder, "storage.conf");
    const roots = `graphroot = "${folder}/images"\nrunroot = "${folder}/run"\n`;
    writeFileSync(storage, `[storage]\ndriver = "${driver}"\n${roots}`);
    mkdirSync(join(folder, "tmp"));
    this.env = { CONTAINERS_STORAGE_CONF: storage, TMPDIR: join(folder, "tmp"), BUILDAH_ISOLATION: "chroot" };
  }

  static async create(): Promise<Buildah> {
    const folder = mkdtempSync(join(tmpdir(), "podwire-image-"));
    return new Buildah(folder, await storageDriver(folder), await makeNamespace());
  }

  /** The command line that runs a program where buildah's mounts are. */
  private enter(command: readonly string[]): [string, string[]] {
    return ["nsenter", [`--mount=/proc/${this.namespace.pid}/ns/mnt`, "--", ...command]];
  }

  /** Runs a program where buildah's mounts are, and returns what it prints. */
  async inside(...command: string[]): Promise<string> {
    const [file, args] = this.enter(command);
    const { stdout } = await execa(file, args, { env: this.env, stdin: "ignore", timeout: 20 * minutes });
    return stdout;
  }

  /** Runs buildah and returns what it prints. */
  exec(...args: string[]): Promise<string> {
    return this.inside("buildah", ...args);
  }

  /** Builds the Dockerfile, or a stage of it by options, without asking a registry for its base. */
  async build(context: string, image: string, ...stage: string[]): Promise<void> {
    // With layers, the stages that two builds share are built once.
    await this.exec("bud", "--layers", "--pull-never", ...stage, "-t", image, context);
  }

  /** What the image says is to be run: entry point and arguments. */
  async command(image: string): Promise<{ Entrypoint?: string[]; Cmd?: string[] }> {
    const { OCIv1 } = JSON.parse(await this.exec("inspect", "--type", "image", image));
    return OCIv1.config;
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
    const [file, line] = this.enter(["buildah", ...args]);
    return execa(file, line, { env: this.env, stdin: "ignore", reject: false, timeout: 10 * minutes });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.namespace.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
