import { beforeEach, describe, expect, test } from "vitest";
import {
  builtPlugin,
  type CniCommand,
  canRun,
  createNode,
  type Node,
  type PluginRun,
  ping,
  referencePlugin,
} from "../../helpers/index.ts";
import { pluginOptions } from "../../helpers/plugin.ts";

const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

const silent = { exitCode: 0, stdout: "", stderr: "" };

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await node.addNetns("c");
  return () => node.dispose();
});

const inside = (...args: string[]) => node.exec("ip", args, { netns: "c" });

interface LoopbackLink {
  readonly flags: readonly string[];
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
}

const lo = async (): Promise<{ isUp: boolean; addresses: string[] }> => {
  const [link] = await node.execJson<LoopbackLink[]>("ip", ["-j", "address", "show", "lo"], { netns: "c" });
  if (link === undefined) throw new Error("no lo");
  const addresses = link.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`);
  return { isUp: link.flags.includes("UP"), addresses };
};

const call = (
  command: CniCommand,
  cniVersion = "1.1.0",
  more: object = {},
  netns = "/run/netns/c",
): Promise<PluginRun> => {
  const config = { cniVersion, name: "lo-net", type: "loopback", ...more };
  return node.plugin(builtPlugin("loopback"), { command, containerId: "c", netns, ifname: "lo", config });
};

const sandbox = "/run/netns/c";
const interfaces = [{ name: "lo", mac: "00:00:00:00:00:00", sandbox }];
const ips = [
  { interface: 0, address: "127.0.0.1/8" },
  { interface: 0, address: "::1/128" },
];
const oldForm = { ip4: { ip: "127.0.0.1/8" }, ip6: { ip: "::1/128" }, dns: {} };
const labelled = [
  { version: "4", ...ips[0] },
  { version: "6", ...ips[1] },
];
const forms: Record<string, object> = {
  "0.1.0": oldForm,
  "0.2.0": oldForm,
  "0.3.0": { interfaces, ips: labelled, dns: {} },
  "0.3.1": { interfaces, ips: labelled, dns: {} },
  "0.4.0": { interfaces, ips: labelled, dns: {} },
  "1.0.0": { interfaces, ips },
  "1.1.0": { interfaces: [{ ...interfaces[0], mtu: 65536 }], ips },
};

describe.runIf(canRun("ip", "ping", "strace"))("loopback", () => {
  test.each(versions)("brings lo up and reports its addresses in the form of %s", async (version) => {
    expect(await lo()).toEqual({ isUp: false, addresses: [] });
    expect((await call("ADD", version)).json).toEqual({ cniVersion: version, ...forms[version] });
    expect(await lo()).toEqual({ isUp: true, addresses: ["127.0.0.1/8", "::1/128"] });
    expect(await ping(node, "127.0.0.1", { netns: "c" })).toBe(true);
    expect(await ping(node, "::1", { netns: "c" })).toBe(true);
  });

  test("may be added again, with the same result", async () => {
    const first = await call("ADD");
    expect(first.exitCode).toBe(0);
    expect((await call("ADD")).json).toEqual(first.json);
  });

  test.each(["eth0", "lo0"])("works on lo whatever interface it is asked for, such as %s", async (ifname) => {
    const config = { cniVersion: "1.1.0", name: "n", type: "loopback" };
    const add = { command: "ADD", containerId: "c", netns: sandbox, ifname, config } as const;
    expect((await node.plugin(builtPlugin("loopback"), add)).json).toMatchObject({
      interfaces: [{ name: "lo" }],
    });
    expect((await lo()).isUp).toBe(true);
  });

  test("reports what is there: no IPv6 address where IPv6 is switched off", async () => {
    await node.exec("sysctl", ["-q", "-w", "net.ipv6.conf.lo.disable_ipv6=1"], { netns: "c" });
    expect((await call("ADD", "1.0.0")).json).toEqual({ cniVersion: "1.0.0", interfaces, ips: [ips[0]] });
    expect((await call("ADD", "0.2.0")).json).toEqual({
      cniVersion: "0.2.0",
      ip4: { ip: "127.0.0.1/8" },
      dns: {},
    });
  });

  test("takes all of 127.0.0.0/8 for its own", async () => {
    await inside("address", "add", "127.0.53.53/32", "dev", "lo");
    const { json } = await call("ADD");
    const addresses: string[] = json.ips.map((ip: { address: string }) => ip.address);
    expect(addresses.sort()).toEqual(["127.0.0.1/8", "127.0.53.53/32", "::1/128"]);
  });

  test.each(["10.1.2.3/32", "2001:db8::7/128"])(
    "refuses lo with the foreign address %s, and leaves it",
    async (cidr) => {
      await inside("address", "add", cidr, "dev", "lo");
      const outcome = await call("ADD");
      expect(outcome).toMatchObject({ exitCode: 1, json: { code: 999, msg: expect.stringContaining(cidr) } });
      expect(await lo()).toEqual({ isUp: false, addresses: [cidr] });
    },
  );

  test("names all foreign addresses", async () => {
    await inside("address", "add", "10.1.2.3/32", "dev", "lo");
    await inside("address", "add", "10.1.2.4/32", "dev", "lo");
    expect((await call("ADD")).json.msg).toMatch(/10\.1\.2\.3\/32, 10\.1\.2\.4\/32$/);
  });

  test("passes a previous result through unchanged, and brings lo up all the same", async () => {
    const prevResult = {
      cniVersion: "1.1.0",
      interfaces: [{ name: "eth0", mac: "0a:00:00:00:00:01", mtu: 1400, sandbox, pciID: "0000:00:1f.6" }],
      ips: [{ interface: 0, address: "10.9.0.2/24", gateway: "10.9.0.1" }],
      routes: [{ dst: "0.0.0.0/0", gw: "10.9.0.1", mtu: 1300, table: 100 }],
      dns: { nameservers: ["192.0.2.53"] },
    };
    expect((await call("ADD", "1.1.0", { prevResult })).json).toEqual(prevResult);
    expect((await lo()).isUp).toBe(true);
  });

  test("takes lo down on DEL, which may be repeated", async () => {
    await call("ADD");
    for (const _ of ["first", "again"]) {
      expect(await call("DEL")).toMatchObject(silent);
      expect((await lo()).isUp).toBe(false);
    }
  });

  test("leaves lo of another container up on DEL, attached by this plugin or not", async () => {
    const byOther = { containerId: "other", netns: sandbox, ifname: "lo" };
    const config = { cniVersion: "1.1.0", name: "lo-net", type: "loopback" };
    const del = () => node.plugin(builtPlugin("loopback"), { command: "DEL", ...byOther, config });
    await call("ADD");
    expect(await del()).toMatchObject(silent);
    expect(await lo()).toEqual({ isUp: true, addresses: ["127.0.0.1/8", "::1/128"] });
    await call("DEL");
    expect((await lo()).isUp).toBe(false);
    await inside("link", "set", "lo", "up");
    expect(await del()).toMatchObject(silent);
    expect((await lo()).isUp).toBe(true);
  });

  test("leaves lo up on DEL if it was up before ADD", async () => {
    await inside("link", "set", "lo", "up");
    await call("ADD");
    expect(await call("DEL")).toMatchObject(silent);
    expect((await lo()).isUp).toBe(true);
  });

  test.each([
    // The fifth request, after the one that brings lo up, lists its addresses for the result.
    ["cannot be read", ["strace", "-o", "/dev/null", "-e", "inject=sendto:error=ENOBUFS:when=5"]],
    ["cannot be printed", ["sh", "-c", 'exec 1>/dev/full; exec "$0"']],
  ])("is down again after an ADD whose result %s", async (_, [command = "", ...words]) => {
    const executable = builtPlugin("loopback");
    const config = { cniVersion: "1.1.0", name: "lo-net", type: "loopback" };
    const request = { command: "ADD", containerId: "c", netns: sandbox, ifname: "lo", config } as const;
    const outcome = await node.exec(command, [...words, executable], pluginOptions(executable, request));
    expect(outcome.exitCode, outcome.stdout).toBe(1);
    const { stdout } = await inside("link", "show", "lo");
    expect(stdout).toContain("lo: <LOOPBACK> ");
    expect(stdout).not.toContain("alias");
  });

  test("has nothing to do on DEL when the namespace is gone, or is not given", async () => {
    await node.deleteNetns("c");
    expect(await call("DEL")).toMatchObject(silent);
    expect(await call("DEL", "1.1.0", {}, "")).toMatchObject(silent);
  });

  test("leaves what it finds where the namespace was as it is", async () => {
    await node.exec("sh", ["-c", "echo precious >/run/file"]);
    expect(await call("DEL", "1.1.0", {}, "/run/file")).toMatchObject(silent);
    expect((await node.exec("cat", ["/run/file"])).stdout).toBe("precious");
  });

  test("finds in CHECK that lo is up, with or without a previous result, and that it is down", async () => {
    const prevResult = (await call("ADD")).json;
    expect(await call("CHECK", "1.1.0", { prevResult })).toMatchObject(silent);
    expect(await call("CHECK")).toMatchObject(silent);
    await inside("link", "set", "lo", "down");
    for (const more of [{ prevResult }, {}]) {
      const outcome = await call("CHECK", "1.1.0", more);
      expect(outcome).toMatchObject({ exitCode: 1, json: { code: 999, msg: `lo in ${sandbox} is down` } });
    }
  });

  test("changes nothing on the host, and nothing in CHECK, STATUS and GC", async () => {
    const host = await node.snapshot();
    await call("ADD");
    const before = await inside("-d", "address");
    for (const command of ["CHECK", "STATUS", "GC"] as const) {
      expect(await call(command, "1.1.0", { "cni.dev/valid-attachments": [] })).toMatchObject(silent);
    }
    expect(await inside("-d", "address")).toEqual(before);
    expect(await node.snapshot()).toEqual(host);
  });
});

describe.runIf(canRun("ip", referencePlugin("loopback")))("loopback and the reference's", () => {
  const reference = (command: CniCommand, cniVersion: string, netns: string, prevResult?: object) => {
    const config = {
      cniVersion,
      name: "lo-net",
      type: "loopback",
      ...(prevResult === undefined ? {} : { prevResult }),
    };
    return node.plugin(referencePlugin("loopback"), {
      command,
      containerId: "c",
      netns,
      ifname: "lo",
      config,
    });
  };

  test("take each other's place at any time", async () => {
    expect((await reference("ADD", "1.0.0", sandbox)).exitCode).toBe(0);
    expect(await call("CHECK", "1.0.0")).toMatchObject(silent);
    expect(await call("DEL", "1.0.0")).toMatchObject(silent);
    const prevResult = (await call("ADD", "1.0.0")).json;
    expect(await reference("CHECK", "1.0.0", sandbox, prevResult)).toMatchObject(silent);
    expect(await reference("DEL", "1.0.0", sandbox)).toMatchObject(silent);
    expect((await lo()).isUp).toBe(false);
  });

  test("report the same in 1.0.0", async () => {
    const theirs = (await reference("ADD", "1.0.0", sandbox)).json;
    const { dns: _, ...rest } = theirs;
    expect((await call("ADD", "1.0.0")).json).toEqual(rest);
  });
});
