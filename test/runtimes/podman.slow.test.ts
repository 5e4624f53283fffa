import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun, ping } from "../helpers/index.ts";
import { image, serve, urlOf } from "./image.ts";
import { createMachine, example, fetchFrom, type Machine, patience } from "./machine.ts";
import { Podman } from "./podman.ts";

const programs = ["podman", "crun", "busybox", "ip", "ip6tables", "iptables", "nft", "ipset", "ping"];

/** As docker leaves it: what the firewall of a chain is for. */
const dropForwarded = async ({ node }: Machine): Promise<void> => {
  for (const tool of ["iptables", "ip6tables"]) await node.exec(tool, ["-P", "FORWARD", "DROP"]);
};

describe.runIf(canRun(...programs))("podman", patience, () => {
  test.each(["bridge-portmap", "bridge-portmap-iptables"])(
    "connects containers by %s, publishes a port, and leaves nothing",
    async (name) => {
      await using machine = await createMachine();
      const { node, outside } = machine;
      const podman = await Podman.start(machine, example(`${name}.conflist`));
      await podman.warmUp();
      const before = await machine.state();

      await podman.run("one", [], serve("one"));
      await podman.run("two", ["-p", "8080:80"], serve("two"));
      for (const [client, target] of [
        ["one", "two"],
        ["two", "one"],
      ] as const) {
        const addresses = await podman.addresses(target);
        expect(await podman.insideAddresses(target)).toEqual(addresses);
        for (const address of addresses) await expect.poll(() => podman.fetch(client, address)).toBe(target);
      }
      expect(await fetchFrom(outside, outside.nodeAddress4, 8080)).toBe("two");
      expect(await fetchFrom(outside, outside.nodeAddress6, 8080)).toBe("two");
      expect(await fetchFrom(node, "127.0.0.1", 8080)).toBe("two");

      await podman.call("restart", "-t", "0", "two");
      await expect.poll(() => fetchFrom(outside, outside.nodeAddress4, 8080)).toBe("two");

      await podman.remove("one", "two");
      expect(await machine.state()).toEqual(before);
    },
  );

  test("gives a container the addresses that it is asked to give", async () => {
    await using machine = await createMachine();
    const podman = await Podman.start(machine, example("static-address-requests.conflist"));
    await podman.warmUp();
    const before = await machine.state();
    await podman.run(
      "one",
      ["--ip", "10.26.0.77", "--mac-address", "02:00:00:00:00:77"],
      ["sleep", "infinity"],
    );
    expect(await podman.addresses("one")).toEqual(["10.26.0.77"]);
    expect(await podman.call("exec", "one", "ip", "link", "show", "eth0")).toMatch("02:00:00:00:00:77");
    await podman.remove("one");
    // The bridge remembers that an address had a MAC address of its own (plugins/bridge/announcement.ts).
    const remembered = JSON.stringify(before).replace(
      "conf/static0/arp_notify:0",
      "conf/static0/arp_notify:1",
    );
    expect(await machine.state()).toEqual(JSON.parse(remembered));
  });

  test("takes a container off the network when it ends by itself", async () => {
    await using machine = await createMachine();
    const podman = await Podman.start(machine, example("bridge-portmap.conflist"));
    await podman.warmUp();
    const before = await machine.state();
    await podman.call("run", "--rm", "--network", "bridge-portmap", "-p", "8080:80", image, "sleep", "0");
    expect(await machine.state()).toEqual(before);
  });

  // A network that podman makes itself has bridge, portmap, firewall and tuning. There is no folder but ours.
  test.each<[string, string[]]>([
    ["IPv4", []],
    ["both families", ["--ipv6"]],
  ])(
    "works with a network of its own making, where the node drops what it forwards: %s",
    async (_, options) => {
      await using machine = await createMachine();
      const { outside } = machine;
      const podman = await Podman.start(machine, example("bridge-portmap.conflist"));
      await dropForwarded(machine);
      await podman.call("network", "create", ...options, "own");
      await podman.warmUp("own");
      const before = await machine.state();
      await podman.run("web", ["-p", "8080:80"], serve("web"), "own");
      await podman.run("client", [], ["sleep", "infinity"], "own");
      const addresses = await podman.addresses("web");
      expect(addresses).toHaveLength(1 + options.length);
      for (const address of addresses) await expect.poll(() => podman.fetch("client", address)).toBe("web");
      expect(await fetchFrom(outside, outside.nodeAddress4, 8080)).toBe("web");
      writeFileSync(outside.path("/run/name"), "outside");
      outside.start("busybox", ["httpd", "-f", "-p", "80", "-h", "/run"]);
      for (const address of [outside.address4, outside.address6].slice(0, addresses.length))
        await expect.poll(() => podman.fetch("client", address)).toBe("outside");
      await podman.remove("web", "client");
      expect(await machine.state()).toEqual(before);
    },
  );

  test("joins a container to two networks of its own making", async () => {
    await using machine = await createMachine();
    const podman = await Podman.start(machine, example("bridge-portmap.conflist"));
    for (const name of ["red", "blue"]) await podman.call("network", "create", "--ipv6", name);
    for (const name of ["red", "blue"]) await podman.warmUp(name);
    const before = await machine.state();
    await podman.run("both", ["--network", "blue"], ["sleep", "infinity"], "red");
    for (const network of ["red", "blue"]) {
      await podman.run(network, [], serve(network), network);
      for (const address of await podman.addresses(network))
        await expect.poll(() => podman.fetch("both", address)).toBe(network);
    }
    await podman.remove("both", "red", "blue");
    expect(await machine.state()).toEqual(before);
  });

  test("keeps two of its own networks apart if both are isolated", async () => {
    await using machine = await createMachine();
    const podman = await Podman.start(machine, example("bridge-portmap.conflist"));
    const isolated = ["red", "blue"];
    for (const name of isolated) await podman.call("network", "create", "--opt", "isolate=true", name);
    await podman.call("network", "create", "open");
    for (const name of [...isolated, "open"]) await podman.run(name, [], serve(name), name);
    const [red = ""] = await podman.addresses("red");
    await expect.poll(() => podman.fetch("open", red)).toBe("red");
    await podman.run("neighbour", [], ["sleep", "infinity"], "red");
    await expect.poll(() => podman.fetch("neighbour", red)).toBe("red");
    const run = machine.run("podman", ["exec", "blue", "timeout", "2", "wget", "-q", "-O", "-", urlOf(red)], {
      reject: false,
    });
    expect((await run).exitCode).not.toBe(0);
    await podman.remove(...isolated, "open", "neighbour");
  });

  test("works with a macvlan network of its own making", async () => {
    await using machine = await createMachine();
    const { outside } = machine;
    const podman = await Podman.start(machine, example("bridge-portmap.conflist"));
    const subnet = ["--subnet", "203.0.113.0/24", "--ip-range", "203.0.113.64/26"];
    await podman.call(
      "network",
      "create",
      "-d",
      "macvlan",
      "-o",
      `parent=${outside.uplink}`,
      ...subnet,
      "lan",
    );
    await podman.warmUp("lan");
    const before = await machine.state();
    await podman.run("web", [], serve("web"), "lan");
    const [address = ""] = await podman.addresses("web");
    expect(await podman.insideAddresses("web")).toEqual([address]);
    expect(await ping(outside, address)).toBe(true);
    await expect.poll(() => fetchFrom(outside, address, 80)).toBe("web");
    await podman.remove("web");
    expect(await machine.state()).toEqual(before);
  });

  // This kernel may lack ipvlan: the plugin's traffic is tested in the virtual machine.
  test.each(["macvlan", "ipvlan"])("writes a network with %s that has no mistake", async (driver) => {
    await using machine = await createMachine();
    const podman = await Podman.start(machine, example("bridge-portmap.conflist"));
    const options = ["-d", driver, "--subnet", "203.0.113.0/24"];
    await podman.call("network", "create", ...options, "lan");
    const { stdout } = await machine.run("/opt/cni/bin/podwire", ["validate", "/etc/cni/net.d/lan.conflist"]);
    expect(stdout).not.toMatch(/error/);
  });
});
