import { describe, expect, test } from "vitest";
import { canRun, referenceBin, referencePlugin } from "../helpers/index.ts";
import { image, serve } from "./image.ts";
import { createMachine, example, fetchFrom, patience } from "./machine.ts";
import { Podman } from "./podman.ts";

const programs = [
  "podman",
  "crun",
  "busybox",
  "ip",
  "iptables-save",
  "nft",
  "ipset",
  referencePlugin("firewall"),
];

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

  test("joins a container to two networks of its own making", async () => {
    await using machine = await createMachine();
    const folders = ["/opt/cni/bin", referenceBin];
    const podman = await Podman.start(machine, example("bridge-portmap.conflist"), folders);
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

  // A network that podman makes itself has the reference's firewall and tuning behind bridge and portmap.
  test("works with a network of its own making, beside the reference's plugins", async () => {
    await using machine = await createMachine();
    const { outside } = machine;
    const folders = ["/opt/cni/bin", referenceBin];
    const podman = await Podman.start(machine, example("bridge-portmap.conflist"), folders);
    await podman.call("network", "create", "own");
    await podman.warmUp("own");
    const before = await machine.state();
    await podman.run("web", ["-p", "8080:80"], serve("web"), "own");
    await podman.run("client", [], ["sleep", "infinity"], "own");
    const [address = ""] = await podman.addresses("web");
    await expect.poll(() => podman.fetch("client", address)).toBe("web");
    expect(await fetchFrom(outside, outside.nodeAddress4, 8080)).toBe("web");
    await podman.remove("web", "client");
    expect(await machine.state()).toEqual(before);
  });
});
