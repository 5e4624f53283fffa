/** buildah with a storage of its own, which is thrown away; nothing comes from a registry of images. */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

const minutes = 60_000;

/** What a container's process may do by default: include/uapi/linux/capability.h. None of it is needed to install. */
const usualCapabilities =
  "CHOWN,DAC_OVERRIDE,FOWNER,FSETID,KILL,NET_BIND_SERVICE,SETFCAP,SETGID,SETPCAP,SETUID,SYS_CHROOT,MKNOD,NET_RAW,AUDIT_WRITE"
    .split(",")
    .map((name) => `CAP_${name}`);

/**
 * A privileged container, as runtimes make it: a mount namespace with a root of its own. buildah's own way without a
 * runtime, chroot(2), is not enough: setns(2) of a mount namespace leads out of it.
 */
const privileged = `
set -e
root=$1 folder=$2
shift 2
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mkdir -p run/outside
pivot_root . run/outside
umount -l /run/outside
cd "$folder"
exec "$@"
`;

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
  async command(image: string): Promise<{ Entrypoint?: string[]; Cmd?: string[]; WorkingDir?: string }> {
    const { OCIv1 } = JSON.parse(await this.exec("inspect", "--type", "image", image));
    return OCIv1.config;
  }

  /** A container of the image. */
  from(image: string): Promise<string> {
    return this.exec("from", "--pull-never", image);
  }

  /** Runs a command in a container, without any capability; a failure is returned. */
  run(container: string, command: readonly string[], volumes: Readonly<Record<string, string>>) {
    const mounts = Object.entries(volumes).flatMap(([from, to]) => ["--volume", `${from}:${to}`]);
    const args = ["run", ...mounts, "--cap-drop", usualCapabilities.join(","), container, "--", ...command];
    return this.tryInside("buildah", ...args);
  }

  /** What runs a command in a container that may do all. */
  private async privileged(container: string, folder: string, command: readonly string[]): Promise<string[]> {
    const root = await this.exec("mount", container);
    const own = ["unshare", "--mount", "--propagation", "private", "sh", "-c", privileged, "sh"];
    // What buildah has to use is not in the container, and nothing to do with what runs there.
    const clean = ["env", ...Object.keys(this.env).flatMap((name) => ["-u", name])];
    return [...own, root, folder, ...clean, ...command];
  }

  /** Runs a command in a container that may do all; a failure is returned. */
  async runPrivileged(container: string, folder: string, ...command: string[]) {
    return this.tryInside(...(await this.privileged(container, folder, command)));
  }

  /** The same with all that it prints shown, however long it takes. Returns the exit code; undefined after a signal. */
  async showPrivileged(container: string, folder: string, command: readonly string[]) {
    const [file, args] = this.enter(await this.privileged(container, folder, command));
    return (
      await execa(file, args, { env: this.env, stdio: ["ignore", "inherit", "inherit"], reject: false })
    ).exitCode;
  }

  private tryInside(...command: string[]) {
    const [file, args] = this.enter(command);
    return execa(file, args, { env: this.env, stdin: "ignore", reject: false, timeout: 10 * minutes });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.namespace.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
