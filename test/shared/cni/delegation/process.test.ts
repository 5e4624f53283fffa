import { copyFileSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import {
  builtPlugin,
  canRun,
  createNode,
  distBin,
  type Node,
  projectRoot,
  referenceBin,
  referencePlugin,
} from "../../../helpers/index.ts";
import { addDelegate, address, delegateFolder, delegatePath, print, verbsOf } from "../delegates.ts";
import { expectError, expectResult, expectSilence, run, stateOf } from "../subjects.ts";
import { callBridge, network, traceBridge } from "./bridge.ts";

const hostLocal = (subnet: string) => ({ ipam: { type: "host-local", ranges: [[{ subnet }]] } });
const wide = hostLocal("10.9.0.0/24");
const own = builtPlugin("bridge");

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await node.addNetns("c");
  return () => node.dispose();
});

/** Ways in which our own host-local can come to be in another folder. */
const places: Record<string, [place: (file: string) => void, programs: (file: string) => string[]]> = {
  "a hard link": [(file) => linkSync(builtPlugin("host-local"), file), () => [own]],
  "a symbolic link": [(file) => symlinkSync(builtPlugin("host-local"), file), () => [own]],
  "a copy": [(file) => copyFileSync(builtPlugin("host-local"), file), (file) => [own, file]],
};

describe.runIf(canRun("ip", "strace"))("our own executable as the delegate", () => {
  test.each(Object.entries(places))("is found as %s, and works", async (_, [place, programs]) => {
    // Beside the executables: a hard link cannot leave their file system.
    const folder = mkdtempSync(join(projectRoot, "dist/delegates-"));
    try {
      const file = join(folder, "host-local");
      place(file);
      for (const command of ["ADD", "STATUS", "DEL"] as const) {
        const traced = await traceBridge(node, command, network("host-local", wide), folder);
        expect(traced.exitCode, traced.stdout).toBe(0);
        expect(traced.programs, command).toEqual(programs(file));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("yields to another executable of the same name that comes first", async () => {
    addDelegate(node, "host-local", { ADD: print({ cniVersion: "1.1.0", ips: [address] }) });
    const { programs } = await traceBridge(node, "ADD", network("host-local", wide), delegatePath);
    expect(programs.slice(0, 2)).toEqual([own, `${delegateFolder}/host-local`]);
    expect(verbsOf(node, "host-local")).toEqual(["ADD"]);
  });

  test("under another name goes by the name that the link leads to", async () => {
    symlinkSync(builtPlugin("host-local"), node.path("/run/another"));
    const config = network("another", { ipam: { ...wide.ipam, type: "another" } });
    const traced = await traceBridge(node, "ADD", config, "/run");
    expect(traced.exitCode, traced.stdout).toBe(0);
    expect(traced.programs).toEqual([own]);
  });

  test.each(["bridge", "ptp", "portmap"])("is refused as %s, under whatever name", async (plugin) => {
    symlinkSync(builtPlugin(plugin), node.path("/run/another"));
    for (const [type, path] of [
      [plugin, distBin],
      ["another", "/run"],
    ] as const) {
      const outcome = await run(node, "bridge", {
        command: "ADD",
        config: network(type, { ipam: { ...wide.ipam, type } }),
        path,
      });
      expectError(outcome, 7);
      expect(outcome.json.msg).toContain("hands out no addresses");
    }
  });

  test("gives addresses back when a later step fails", async () => {
    await node.exec("ip", ["link", "add", "br0", "type", "bridge"]);
    await node.exec("ip", ["address", "add", "192.0.2.1/24", "dev", "br0"]);
    const config = network("host-local", { ...wide, isGateway: true });
    expectError(await run(node, "bridge", { command: "ADD", config, path: distBin }), 7);
    const names = readdirSync(node.path("/var/lib/cni/networks/net"));
    expect(names.filter((name) => name.startsWith("10."))).toEqual([]);
  });

  test("needs no CNI_PATH for DEL, so that what ADD took can be given back", async () => {
    const config = network("host-local", wide);
    expectResult(await run(node, "bridge", { command: "ADD", config, path: distBin }));
    expect(readdirSync(node.path("/var/lib/cni/networks/net"))).toContain("10.9.0.2");
    expectSilence(await run(node, "bridge", { command: "DEL", config, path: "" }));
    expect(readdirSync(node.path("/var/lib/cni/networks/net"))).not.toContain("10.9.0.2");
  });
});

const reservations = () =>
  readdirSync(node.path("/var/lib/cni/networks/net")).filter((name) => /^\d+\.|^fd/.test(name));

describe.runIf(canRun("ip", "strace", referencePlugin("host-local")))(
  "Debian's host-local as the delegate",
  () => {
    const inVersion = (cniVersion: string, more: object = wide) =>
      network("host-local", { cniVersion, ...more });
    const container = { path: referenceBin };

    test("is run as a process for every verb that it has, and keeps its books", async () => {
      const config = inVersion("1.0.0");
      const added = await traceBridge(node, "ADD", config, referenceBin);
      expect(added.programs).toEqual([own, referencePlugin("host-local")]);
      const prevResult = JSON.parse(added.stdout);
      expect(prevResult).toMatchObject({ cniVersion: "1.0.0", ips: [{ address: "10.9.0.2/24" }] });
      expect(readFileSync(node.path("/var/lib/cni/networks/net/10.9.0.2"), "utf8")).toBe("c\r\neth0");
      for (const command of ["CHECK", "DEL"] as const) {
        const traced = await traceBridge(node, command, { ...config, prevResult }, referenceBin);
        expect(traced, command).toMatchObject({ exitCode: 0, stdout: "" });
        expect(traced.programs).toEqual([own, referencePlugin("host-local")]);
      }
      expect(reservations()).toEqual([]);
    });

    test.each(["0.1.0", "0.3.1", "0.4.0", "1.0.0"])(
      "answers in %s, which bridge understands",
      async (version) => {
        const more = {
          ipam: { type: "host-local", ranges: [[{ subnet: "10.9.0.0/24" }], [{ subnet: "fd09::/64" }]] },
        };
        const config = inVersion(version, more);
        const result = expectResult(await run(node, "bridge", { command: "ADD", config, ...container }));
        expect(JSON.stringify(result)).toMatch(/10\.9\.0\.2\/24.*fd09::2\/64/);
        expectSilence(await run(node, "bridge", { command: "DEL", config, ...container }));
        expect(reservations()).toEqual([]);
      },
    );

    test("says in its own words that its range is exhausted, and the host is as before", async () => {
      const config = inVersion("1.0.0", hostLocal("10.9.0.0/30"));
      await node.addNetns("d");
      const first = { command: "ADD", config, ...container } as const;
      expectResult(await run(node, "bridge", first));
      const before = await stateOf(node);
      const second = await run(node, "bridge", { ...first, containerId: "d", netns: "/run/netns/d" });
      expect(second).toMatchObject({ exitCode: 1, json: { cniVersion: "1.0.0" } });
      expect(second.json.msg).toContain("no IP addresses available in range set");
      expect(await stateOf(node)).toEqual(before);
    });

    test("gives its addresses back when a later step of ADD fails", async () => {
      await node.exec("ip", ["link", "add", "br0", "type", "bridge"]);
      await node.exec("ip", ["address", "add", "192.0.2.1/24", "dev", "br0"]);
      const config = inVersion("1.0.0", { ...wide, isGateway: true });
      expectError(await run(node, "bridge", { command: "ADD", config, ...container }), 7);
      expect(reservations()).toEqual([]);
    });
  },
);

describe.runIf(canRun("ip", "strace"))("a delegate that is being installed", () => {
  const busy = `${delegateFolder}/ipam`;
  /** Keeps the file open for writing until it is stopped. */
  const hold = async () => {
    const holder = node.start("sh", ["-c", `exec 9>>${busy}; echo held; exec sleep 1000`]);
    await holder.firstLine();
    return holder;
  };

  test("is tried again until it is complete", async () => {
    addDelegate(node, "ipam", { ADD: print({ cniVersion: "1.1.0", ips: [address] }) });
    const holder = await hold();
    const adding = traceBridge(node, "ADD", network("ipam"));
    const trace = () => node.exec("cat", ["/run/trace"], { reject: false });
    await expect.poll(async () => (await trace()).stdout, { interval: 5 }).toContain("ETXTBSY");
    await holder.stop("SIGKILL");
    const { exitCode, programs, stdout } = await adding;
    expect(exitCode, stdout).toBe(0);
    expect(programs.slice(0, 2)).toEqual([own, busy]);
  });

  test("is given up if it never becomes complete, and the host is as before", async () => {
    addDelegate(node, "ipam", {});
    const before = await stateOf(node);
    const holder = await hold();
    const outcome = await callBridge(node, "ADD", "ipam");
    await holder.stop("SIGKILL");
    expectError(outcome, 5);
    expect(outcome.json.msg).toBe(`the plugin ${busy} cannot be run: text file busy`);
    expect(await stateOf(node)).toEqual(before);
  });
});
