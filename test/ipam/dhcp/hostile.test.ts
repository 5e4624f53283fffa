/** Servers that lie, packets that are lost, and callers that are no plugins. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, projectRoot } from "../../helpers/index.ts";
import { failed, type Pod } from "../../plugins/attachment/host.ts";
import { network, World } from "./world.ts";

let world: World;
beforeEach(async () => {
  world = await World.create();
});
afterEach(() => world.node.dispose());

async function liar(...lies: string[]) {
  const script = join(projectRoot, "test/ipam/dhcp/liar.py");
  const running = world.node.start("python3", [script, ...lies], { netns: "server" });
  await running.firstLine();
  return running;
}

const soon = ["-timeout", "400ms", "-resendtimeout", "800ms"];

describe.runIf(canRun("ip", "python3"))("a server that lies", () => {
  test.each([
    ["xid", /another transaction's number/],
    ["short", /shorter than a DHCP message/],
    ["beyond", /option 6 runs beyond the end/],
    ["mask", /subnet mask is 255\.0\.255\.0/],
    ["zero", /gives the address 0\.0\.0\.0/],
    ["lengths", /option 3 has 2 bytes/],
    ["nameless", /does not say which server it is from/],
    ["other-ack", /gives 10\.9\.0\.78, which was not asked for/],
    ["nak", /the server 10\.9\.0\.1 refused: not today/],
  ])("with %s is stepped over, and the error says so", async (name, words) => {
    await liar(name);
    await world.daemon(soon);
    const pod = await world.pod("a");
    const error = failed(await world.host.call("ADD", pod, network()), 11, words);
    expect(error.msg).toMatch(/^no address by DHCP for net\/id-a\/eth0: no usable answer within 0\.8 s: /);
    expect(error.details).toContain("tcpdump");
    expect(await world.files()).toEqual([]);
  });

  test("does not hide one that says the truth", async () => {
    await liar("xid", "short", "beyond", "mask", "zero", "lengths", "garbage", "nameless", "truth");
    await world.daemon();
    const result = await world.host.add(await world.pod("a"), network());
    expect(result).toEqual({ cniVersion: "1.1.0", ips: [{ address: "10.9.0.77/24" }] });
  });

  test.each([
    ["is asked for broadcasts", ["-broadcast"], "8000"],
    ["is not", [], "0000"],
  ])("%s", async (_, args, flags) => {
    const server = await liar("truth");
    await world.daemon(args);
    await world.host.add(await world.pod("a"), network());
    expect((await server.stop()).stdout).toContain(`flags ${flags} type 1`);
  });

  test("and floods leaves the daemon's memory as it is", async () => {
    // A lease of two seconds is renewed each second. The frames to port 68 come in between.
    await liar("garbage", "xid", "mask", "lengths", "truth");
    const daemon = await world.daemon();
    const pods: Pod[] = [];
    for (const name of ["a", "b", "c", "d"]) pods.push(await world.pod(name));
    await Promise.all(pods.map((pod) => world.host.add(pod, network())));
    const renew = async (rounds: number) => {
      for (let round = 0; round < rounds; round++) {
        await Promise.all(pods.map((pod) => world.host.del(pod, network())));
        await Promise.all(pods.map((pod) => world.host.add(pod, network())));
      }
    };
    await renew(15);
    const before = residentKib(daemon.pid);
    await renew(60);
    // 240 leases, and 2000 answers, of which most were refused.
    expect(residentKib(daemon.pid) - before).toBeLessThan(1024);
  });
});

const residentKib = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

/** The sockets of a process. The daemon has one for each caller, and one for each exchange, beside those that stay. */
const sockets = (pid: number): number =>
  readdirSync(`/proc/${pid}/fd`).filter((name) => linkOf(`/proc/${pid}/fd/${name}`).startsWith("socket:"))
    .length;

/** A descriptor that was closed meanwhile leads nowhere. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

describe.runIf(canRun("ip", "dnsmasq", "nft", "python3"))("packets", () => {
  test("that are lost are sent again", async () => {
    await world.dnsmasq();
    // Two of three frames from the server's port are dropped, in turn.
    const rules = `add table netdev loss
add chain netdev loss in { type filter hook ingress device port0 priority 0; }
add rule netdev loss in ip protocol udp numgen inc mod 3 { 0, 1 } counter drop`;
    await world.node.exec("nft", ["-f", "-"], { input: rules });
    await world.daemon();
    const result = await world.host.add(await world.pod("a"), network());
    expect(result.ips).toHaveLength(1);
    const { stdout } = await world.node.exec("nft", ["list", "table", "netdev", "loss"]);
    expect(stdout).not.toContain("packets 0 ");
  });

  test("are sent although the container's packet filter drops all", async () => {
    await world.dnsmasq();
    await world.daemon();
    const pod = await world.pod("a");
    const rules = `add table inet closed
add chain inet closed in { type filter hook input priority 0; policy drop; }
add chain inet closed out { type filter hook output priority 0; policy drop; }`;
    await world.node.exec("nft", ["-f", "-"], { input: rules, netns: "a" });
    await world.host.add(pod, network());
    await world.host.del(pod, network());
    await expect.poll(() => world.leased()).toEqual([]);
  });

  test("of callers that are no plugins are refused, and harm nothing", async () => {
    await world.dnsmasq();
    await world.daemon();
    const talk = `
import socket
for words in [b"GET / HTTP/1.0\\n\\n", b"\\0" * 9000, b"CONNECT /_goRPC_ HTTP/1.0\\n\\n" + b"\\xff" * 100, b"CONNECT"]:
    caller = socket.socket(socket.AF_UNIX)
    caller.connect("/run/cni/dhcp.sock")
    caller.sendall(words)
    caller.shutdown(socket.SHUT_WR)
    while caller.recv(4096): pass`;
    await world.node.exec("python3", ["-c", talk]);
    await world.host.add(await world.pod("a"), network());
  });

  test("of an ADD are no longer sent after DEL, and the ADD fails at once", async () => {
    const daemon = await world.daemon();
    const pod = await world.pod("a");
    const idle = sockets(daemon.pid);
    const waiting = world.host.call("ADD", pod, network());
    await expect.poll(() => sockets(daemon.pid)).toBe(idle + 2);
    await world.host.del(pod, network());
    failed(await waiting, 11, /no address by DHCP for net\/id-a\/eth0: it was ended by DEL/);
    await expect.poll(() => sockets(daemon.pid)).toBe(idle);
  });

  test("of an ADD that is killed lead to no lease", async () => {
    // No server: ADD waits.
    const daemon = await world.daemon();
    const pod = await world.pod("a");
    const idle = sockets(daemon.pid);
    const waiting = world.node.startPlugin(world.host.executable, world.host.request("ADD", pod, network()));
    await expect.poll(() => sockets(daemon.pid)).toBe(idle + 2);
    await waiting.stop("SIGKILL");
    await expect.poll(() => sockets(daemon.pid)).toBe(idle);
    await world.dnsmasq();
    await world.host.add(pod, network());
  });
});
