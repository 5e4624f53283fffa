// Makes a fresh clone ready to run: npm packages, and the programs that the build, the demo, the tests or the bench call.
// Plain JavaScript without packages, since it runs before there are any.
//   node scripts/setup.mjs [ok | build | demo | demo:vxlan | test | bench | release]
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

/** Maps a program (a name on PATH) or a file (a path) to its Debian package. */
const buildPrograms = {
  gcc: "gcc",
  ar: "binutils",
  "musl-gcc": "musl-tools",
  tar: "tar",
  xz: "xz-utils",
  "/usr/include/linux/netlink.h": "linux-libc-dev",
};

// Debian's cross compiler builds for the other processor, and an emulator runs the result.
const crossPrograms =
  process.arch === "x64"
    ? {
        "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
        "/usr/aarch64-linux-gnu/include/linux/netlink.h": "linux-libc-dev-arm64-cross",
        "qemu-aarch64": "qemu-user",
      }
    : {
        "x86_64-linux-gnu-gcc": "gcc-x86-64-linux-gnu",
        "/usr/x86_64-linux-gnu/include/linux/netlink.h": "linux-libc-dev-amd64-cross",
        "qemu-x86_64": "qemu-user",
      };

const demoPrograms = {
  ...buildPrograms,
  ip: "iproute2",
  iptables: "iptables",
  ipset: "ipset",
  nft: "nftables",
  nsenter: "util-linux",
  ping: "iputils-ping",
};

const overlayPrograms = { ...demoPrograms, bridge: "iproute2", tcpdump: "tcpdump" };

const benchPrograms = {
  ...overlayPrograms,
  "/usr/lib/cni/bridge": "containernetworking-plugins",
};

const testPrograms = {
  ...benchPrograms,
  ...crossPrograms,
  // The sanitized build uses this machine's C library.
  "/usr/include/stdio.h": "libc6-dev",
  buildah: "buildah",
  busybox: "busybox-static",
  conntrack: "conntrack",
  containerd: "containerd",
  crun: "crun",
  "dbus-daemon": "dbus-daemon",
  firewalld: "firewalld",
  dhcpd: "isc-dhcp-server",
  dnsmasq: "dnsmasq-base",
  fish: "fish",
  git: "git",
  // A test compares podwire's cache with libcni's own, in a short Go program.
  go: "golang-go",
  "/usr/share/gocode/src/github.com/containernetworking/cni/libcni": "golang-github-appc-cni-dev",
  jq: "jq",
  mmdebstrap: "mmdebstrap",
  modprobe: "kmod",
  podman: "podman",
  radvd: "radvd",
  runc: "runc",
  script: "bsdutils",
  strace: "strace",
  sysctl: "procps",
  wget: "wget",
  zsh: "zsh",
  // Debian's kernel in a virtual machine tests features that this kernel lacks.
  ...(process.arch === "x64" ? { "qemu-system-x86_64": "qemu-system-x86" } : {}),
};

const programsFor = {
  // Types, lint and the pure tests: npm packages are enough.
  ok: {},
  build: buildPrograms,
  demo: demoPrograms,
  "demo:vxlan": overlayPrograms,
  bench: benchPrograms,
  release: { ...buildPrograms, ...crossPrograms },
  test: testPrograms,
};

function fail(message) {
  process.stderr.write(`setup: ${message}\n`);
  process.exit(1);
}

const say = (message) => process.stderr.write(`setup: ${message}\n`);

/** Runs a command silently. Its output is shown only if it fails. */
function run(command, args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const options = { cwd: root, env, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" };
  const { status, error, stdout, stderr } = spawnSync(command, args, { ...options, maxBuffer: 1 << 28 });
  return { ok: status === 0, output: error?.message ?? `${stdout}${stderr}` };
}

function runnable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

// Debian installs network programs outside of an ordinary user's PATH.
const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];

const present = (program) =>
  program.startsWith("/") ? existsSync(program) : folders.some((folder) => runnable(join(folder, program)));

const modified = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    fail(`Node.js 20.19 or newer is needed, this is ${process.version}`);
}

function installNpmPackages() {
  // npm records its installation; a newer lock file means that the record is outdated.
  const record = join(root, "node_modules/.package-lock.json");
  if (modified(record) >= modified(join(root, "package-lock.json"))) return;
  say("installing npm packages");
  // No package needs its install script. A caller's NODE_ENV=production must not omit the tools.
  const args = [
    "ci",
    "--ignore-scripts",
    "--include=dev",
    "--include=optional",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ];
  const { ok, output } = run("npm", args);
  if (!ok) fail(`npm ci failed:\n${output}`);
}

/** The package starts these units by systemd; the tests start their own. */
const unitsOf = {
  containerd: ["containerd.service"],
  podman: ["podman.socket", "podman.service", "podman-auto-update.timer", "podman-restart.service"],
  firewalld: ["firewalld.service"],
  radvd: ["radvd.service"],
};

/**
 * Installs packages without their services: policy-rc.d prevents a start now, and the units stay disabled at the next
 * boot.
 */
function aptInstall(packages) {
  const policy = "/usr/sbin/policy-rc.d";
  const isOurs = !existsSync(policy);
  if (isOurs) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  const options = ["-o", "DPkg::Lock::Timeout=120", "-y", "--no-install-recommends"];
  const result = run("apt-get", ["install", ...options, ...packages]);
  if (isOurs) rmSync(policy, { force: true });
  const units = packages.flatMap((each) => unitsOf[each] ?? []);
  if (result.ok && units.length > 0 && existsSync("/run/systemd/system"))
    run("systemctl", ["disable", ...units]);
  return result;
}

function installDebianPackages(programs) {
  const missing = Object.keys(programs).filter((program) => !present(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => programs[program]))].sort();
  if (!present("apt-get"))
    fail(`missing ${missing.join(", ")}: Debian's packages with these are ${packages.join(", ")}`);
  if (process.getuid() !== 0)
    fail(`missing ${missing.join(", ")}: as root, run\n  apt-get install ${packages.join(" ")}`);
  say(`installing ${packages.join(" ")}`);
  // A fresh machine may have no or old package lists: they are fetched only if the first try fails.
  if (aptInstall(packages).ok) return;
  run("apt-get", ["update"]);
  const { ok, output } = aptInstall(packages);
  if (!ok) fail(`apt-get install failed:\n${output}`);
}

const purpose = process.argv[2] ?? "test";
const programs = programsFor[purpose];
if (programs === undefined) fail(`unknown purpose ${purpose}: ${Object.keys(programsFor).join(", ")}`);
checkNode();
installNpmPackages();
installDebianPackages(programs);
