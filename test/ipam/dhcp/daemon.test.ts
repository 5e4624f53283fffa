/** The daemon dies, ends, starts again, is not there, or is asked for much at once. */
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { builtPlugin, canRun } from "../../helpers/index.ts";
import { failed, Host, type Pod, succeeded } from "../../plugins/attachment/host.ts";
import { callTraced } from "../../plugins/attachment/started-programs.ts";
import { network, World } from "./world.ts";

let world: World;
beforeEach(async () => {
  world = await World.create();
});
afterEach(() => world.node.dispose());

const missing =
  /does not answer at \/run\/cni\/dhcp\.sock: it does not run.*systemctl start cni-dhcp\.socket.*dhcp daemon/;

const listens = `
import socket, time
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/other.sock")
listener.listen(0)
`;
const flood = `
print("ready", flush=True)
while True:
    caller = listener.accept()[0]
    try:
        while True: caller.sendall(b"x" * 65536)
    except OSError: pass`;
/** Counts its callers before it could read a word of theirs. */
const silent = `
print("ready", flush=True)
callers = []
while True:
    callers.append(listener.accept()[0])
    with open("/run/callers", "w") as file: file.write("x" * len(callers))`;
/** One caller is all that the kernel keeps for a listener with the backlog 0. */
const full = `
waiting = socket.socket(socket.AF_UNIX)
waiting.connect("/run/other.sock")
print("ready", flush=True)
while True: time.sleep(60)`;

describe.runIf(canRun("ip", "dnsmasq", "dhcpd", "strace", "python3"))("the daemon", () => {
  test("is missing: ADD and STATUS say how to start it, DEL and GC succeed, CHECK fails", async () => {
    const pod = await world.pod("a");
    failed(await world.host.call("ADD", pod, network()), 11, missing);
    failed(await world.host.call("STATUS", undefined, network()), 50, missing);
    const prevResult = { cniVersion: "1.1.0", ips: [{ address: "10.9.0.50/24" }] };
    failed(await world.host.call("CHECK", pod, { ...network(), prevResult }), 11, missing);
    await world.host.del(pod, network());
    await world.host.gc(network(), []);
    const elsewhere = network({ daemonSocketPath: "/run/elsewhere.sock" });
    failed(await world.host.call("STATUS", undefined, elsewhere), 50, /-socketpath \/run\/elsewhere\.sock/);
  });

  test.each(["SIGKILL", "SIGTERM"] as const)(
    "ends by %s: the next one renews, checks and releases its leases",
    async (signal) => {
      await world.dhcpd(4);
      const first = await world.daemon();
      const pod = await world.pod("a");
      const result = await world.host.add(pod, network());
      await first.stop(signal);
      await world.daemon();
      const before = await world.logged(/DHCPACK on/);
      await expect.poll(() => world.logged(/DHCPACK on/)).toBeGreaterThan(before + 1);
      expect(await world.logged(/DHCPDISCOVER/)).toBe(1);
      await world.host.check(pod, network(), result);
      await world.host.del(pod, network());
      await expect.poll(() => world.logged(/DHCPRELEASE of .* \(found\)/)).toBe(1);
    },
  );

  test.each([
    ["sends without an end", flood, /another program listens there/],
    ["accepts no caller", full, /it accepted no caller within 1 s/],
  ])("is another program, which %s: ADD and STATUS fail in time, DEL succeeds", async (_, talk, said) => {
    const other = world.node.start("python3", ["-c", `${listens}${talk}`]);
    await other.firstLine();
    const pod = await world.pod("a");
    const env = { PODWIRE_DELEGATE_TIMEOUT: "1" };
    const config = network({ daemonSocketPath: "/run/other.sock" });
    failed(await world.host.call("ADD", pod, config, { env }), 11, said);
    failed(await world.host.call("STATUS", undefined, config, { env }), 50, said);
    await world.host.del(pod, config, { env });
  });

  test("that hangs is asked once by ADD, for its limit is minutes", async () => {
    const other = world.node.start("python3", ["-c", `${listens}${silent}`]);
    await other.firstLine();
    const config = network({ daemonSocketPath: "/run/other.sock" });
    const env = { PODWIRE_DELEGATE_TIMEOUT: "1" };
    const pod = await world.pod("a");
    failed(await world.host.call("ADD", pod, config, { env }), 11, /it gave no answer within 1 s/);
    const callers = async () => (await world.node.exec("cat", ["/run/callers"], { reject: false })).stdout;
    await expect.poll(callers).toBe("x");
  });

  test("hung while DEL gave an address back: the next ADD acquires one again", async () => {
    await world.dhcpd(60);
    await world.daemon();
    const pod = await world.pod("a");
    await world.host.add(pod, network());
    const [file = ""] = await world.files();
    // What DEL does where the daemon does not answer.
    await world.node.exec("rm", [`/run/podwire/dhcp/run-cni-dhcp.sock/${file}`]);
    await world.host.add(pod, network());
    expect(await world.files()).toEqual([file]);
    expect(await world.logged(/DHCPDISCOVER/)).toBe(2);
  });

  test("is dead: DEL and GC release by the files that it left", async () => {
    await world.dnsmasq();
    const daemon = await world.daemon();
    const [a, b, c] = [await world.pod("a"), await world.pod("b"), await world.pod("c")];
    for (const pod of [a, b, c]) await world.host.add(pod, network());
    await daemon.stop("SIGKILL");
    await world.host.del(a, network());
    await expect.poll(() => world.leased()).toHaveLength(2);
    await world.host.gc(network(), [b]);
    await expect.poll(() => world.leased()).toHaveLength(1);
    expect(await world.files()).toHaveLength(1);
  });

  test("steps over garbage in its folder, and over leases of another boot", async () => {
    await world.dnsmasq();
    const first = await world.daemon();
    const [a, b] = [await world.pod("a"), await world.pod("b")];
    const result = await world.host.add(a, network());
    await world.host.add(b, network());
    await first.stop("SIGKILL");
    const files = await world.files();
    expect(files).toHaveLength(2);
    const folder = "/run/podwire/dhcp/run-cni-dhcp.sock";
    const of = (text: string) =>
      files.find((name) => readFileSync(world.node.path(`${folder}/${name}`), "utf8").includes(text));
    const [ofA, ofB] = [of('"id-a"'), of('"id-b"')];
    const script = [
      `cd ${folder}`,
      `sed -i 's/"boot":"/"boot":"x/' ${ofB}`,
      "echo '{' > 00000000000000000000000000000001",
      `printf '{"boot":"%s","owner":[]}' "$(cat /proc/sys/kernel/random/boot_id)" > 00000000000000000000000000000002`,
      "head -c 4096 /dev/urandom > 00000000000000000000000000000003",
      `cp ${ofA} 00000000000000000000000000000004`,
      "mkdir 00000000000000000000000000000005",
      "mkfifo 00000000000000000000000000000006",
      "echo x > 00000000000000000000000000000007.new",
    ];
    await world.node.exec("sh", ["-ec", script.join("\n")]);
    await world.daemon();
    expect((await world.files()).filter((name) => !name.endsWith("5") && !name.endsWith("6"))).toEqual([ofA]);
    await world.host.check(a, network(), result);
  });

  test("releases a lease whose namespace is gone without DEL", async () => {
    await world.dnsmasq();
    await world.daemon();
    await world.node.exec("ip", ["address", "add", "10.9.0.2/24", "dev", "lan"]);
    await world.host.add(await world.pod("a"), network());
    await world.node.deleteNetns("a");
    await expect.poll(() => world.leased()).toEqual([]);
    await expect.poll(() => world.files()).toEqual([]);
  });

  test("keeps a lease of the same container in another namespace apart", async () => {
    await world.dnsmasq();
    await world.daemon();
    const pod = await world.pod("a");
    const first = await world.host.add(pod, network());
    expect(await world.host.add(pod, network())).toEqual(first);
    await world.node.deleteNetns("a");
    const again = await world.pod("a");
    await world.host.add(again, network());
    expect(await world.files()).toHaveLength(1);
    expect(await world.leased()).toHaveLength(1);
  });

  test("takes the place of a dead one's socket, but not of a living one", async () => {
    const first = await world.daemon(["--pidfile=/run/dhcp.pid"]);
    expect((await world.node.exec("cat", ["/run/dhcp.pid"])).stdout).toBe(String(first.pid));
    const refused = await world.node.exec(builtPlugin("dhcp"), ["daemon"], { reject: false });
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("another daemon") });
    await first.stop("SIGKILL");
    const second = await world.daemon(["--pidfile=/run/dhcp.pid"]);
    expect(await second.stop()).toMatchObject({ exitCode: 0 });
    const left = await world.node.exec("ls", ["/run/cni/dhcp.sock", "/run/dhcp.pid"], { reject: false });
    expect(left.stdout).toBe("");
  });

  test("sees the node below a prefix, as in a container", async () => {
    await world.dnsmasq();
    await world.node.exec("sh", ["-ec", "mkdir -p /run/host/run && mount --rbind /run /run/host/run"]);
    const daemon = await world.daemon(["-hostprefix", "/run/host"]);
    const pod = await world.pod("a");
    const result = await world.host.add(pod, network());
    await world.host.check(pod, network(), result);
    expect(await world.files()).toHaveLength(1);
    await daemon.stop("SIGKILL");
    // DEL knows the path of the namespace on the node.
    await world.host.del(pod, network());
    await expect.poll(() => world.leased()).toEqual([]);
  });

  test("and its callers start no other program", async () => {
    await world.dnsmasq();
    await world.daemon();
    const host = new Host(world.node, builtPlugin("bridge"));
    const config = network({}, { type: "bridge", bridge: "lan" });
    const pod = await host.pod("a");
    for (const command of ["STATUS", "ADD", "DEL"] as const) {
      const { started } = await callTraced(host, command, command === "STATUS" ? undefined : pod, config);
      expect(started).toEqual([]);
    }
  });

  test("is started by systemd's socket", async () => {
    await world.dnsmasq();
    const activate = `
import os, socket, sys
os.makedirs("/run/cni", exist_ok=True)
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/cni/dhcp.sock")
listener.listen()
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], ["dhcp", "daemon"])`;
    const daemon = world.node.start("python3", ["-c", activate, builtPlugin("dhcp")]);
    await expect.poll(async () => (await world.host.call("STATUS", undefined, network())).exitCode).toBe(0);
    await world.host.add(await world.pod("a"), network());
    await daemon.stop();
    await world.node.exec("test", ["-S", "/run/cni/dhcp.sock"]);
  });

  test("gives an address back whose lease it cannot store", async () => {
    await world.dnsmasq();
    await world.daemon();
    const folder = "/run/podwire/dhcp/run-cni-dhcp.sock";
    await world.node.exec("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", folder]);
    const pod = await world.pod("a");
    failed(
      await world.host.call("ADD", pod, network()),
      5,
      /could not be stored.*the address was given back/,
    );
    await expect.poll(() => world.leased()).toEqual([]);
    await world.node.exec("umount", [folder]);
    await world.host.add(pod, network());
  });

  test("without free descriptors lets callers wait or fail, and goes on", async () => {
    await world.dnsmasq();
    const daemon = world.node.start("prlimit", ["--nofile=24", builtPlugin("dhcp"), "daemon"]);
    await expect.poll(async () => (await world.host.call("STATUS", undefined, network())).exitCode).toBe(0);
    const names = Array.from({ length: 30 }, (_, index) => `c${index}`);
    const pods: Pod[] = [];
    for (const name of names) pods.push(await world.pod(name));
    const runs = await Promise.all(pods.map((pod) => world.host.call("ADD", pod, network())));
    for (const run of runs) if (run.exitCode !== 0) failed(run, 11, /open files is used up/);
    expect(runs.some(({ exitCode }) => exitCode === 0)).toBe(true);
    for (const pod of pods) await world.host.del(pod, network());
    await expect.poll(() => world.leased()).toEqual([]);
    await expect.poll(() => descriptors(daemon.pid)).toBeLessThan(10);
  });

  test("serves 200 containers at once, and keeps no descriptor", async () => {
    await world.dnsmasq(["--dhcp-lease-max=1000"], { range: "10.9.0.20,10.9.0.250" });
    const daemon = await world.daemon();
    const names = Array.from({ length: 200 }, (_, index) => `c${index}`);
    await world.node.addNetnses(names);
    const links = names.map(
      (name) => `link add p-${name} master lan up type veth peer name eth0 netns ${name}\n`,
    );
    await world.node.exec("ip", ["-batch", "-"], { input: links.join("") });
    const pods = names.map((name) => ({
      name,
      netns: `/run/netns/${name}`,
      containerId: name,
      ifname: "eth0",
    }));
    // It keeps one descriptor of its own namespace from its first entry into another one.
    const warm = await world.pod("warm");
    await world.host.add(warm, network());
    await world.host.del(warm, network());
    // The connection of that DEL may be open still.
    const idle = descriptors(daemon.pid);
    const runs = await Promise.all(
      pods.map((pod) => world.host.call("ADD", pod, network(), { timeout: 55_000 })),
    );
    const addresses = runs.map((run) => succeeded(run).json.ips[0].address);
    expect(new Set(addresses).size).toBe(200);
    await expect.poll(() => descriptors(daemon.pid)).toBeLessThanOrEqual(idle);
    await Promise.all(pods.map((pod) => world.host.del(pod, network())));
    await expect.poll(() => world.leased()).toEqual([]);
    await expect.poll(() => descriptors(daemon.pid)).toBeLessThanOrEqual(idle);
  });
});

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
