import { describe, expect, test } from "vitest";
import { canRun, type Network, Runtime, referencePlugin } from "../../helpers/index.ts";
import { Host, succeeded } from "../../plugins/attachment/host.ts";
import { all, folder, Target } from "./target.ts";

const aliasFile = `${folder}/.podwire-aliases`;
const alias = ["--alias", "cnv-bridge=bridge", "--alias", "cnv-tuning=tuning"];

const read = async (target: Target, file: string) => (await target.node.exec("cat", [file])).stdout;
const podwire = (target: Target, ...args: string[]) =>
  target.node.exec(`${folder}/podwire`, args, { reject: false, env: { CNI_PATH: folder } });
const write = (target: Target, file: string, text: string) =>
  target.node.exec("sh", ["-c", `mkdir -p $(dirname ${file}); printf '%s' "$1" >${file}`, "sh", text]);

/** What KubeVirt's network operator documents for virtual machines: a bridge of the node, and no addresses of ours. */
const kubevirt: Network = {
  cniVersion: "1.0.0",
  name: "br1-net",
  plugins: [
    { type: "cnv-bridge", bridge: "br1", macspoofchk: true, ipam: {} },
    { type: "cnv-tuning", sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" } },
  ],
};

describe.runIf(canRun("ip", "cmp", referencePlugin("bridge")))("podwire install --alias", () => {
  test("makes a hard link that acts as the plugin, and keeps it through the next installation", async () => {
    await using target = await Target.create();
    const { exitCode, stdout, stderr } = await target.install(...alias);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain(`${folder}/cnv-bridge: installed`);
    expect(await read(target, aliasFile)).toBe("cnv-bridge=bridge\ncnv-tuning=tuning");
    const names = [...all, "cnv-bridge", "cnv-tuning"];
    const inodes = await target.status("%n %i");
    const [inode] = /(?<=^bridge )\d+/m.exec(inodes) ?? [];
    for (const name of names) expect(inodes).toMatch(new RegExp(`^${name} ${inode}$`, "m"));
    const version = await target.node.exec(`${folder}/cnv-bridge`, ["--version"]);
    expect(version.stderr).toMatch(/^podwire bridge /);
    // Another set takes the places; the next installation takes them back, also that of the alias.
    for (const name of ["bridge", "cnv-bridge"])
      await target.node.exec("cp", ["--remove-destination", referencePlugin("bridge"), `${folder}/${name}`]);
    expect((await target.install()).stdout).toContain(`${folder}/cnv-bridge: replaced`);
    // A removed alias does not come back.
    await target.node.exec("rm", [`${folder}/cnv-tuning`]);
    expect((await target.install()).stdout).not.toContain("cnv-tuning");
    expect(await target.install("--alias", "cnv-bridge=ptp")).toMatchObject({ exitCode: 0 });
    expect((await target.node.exec(`${folder}/cnv-bridge`, ["--version"])).stderr).toMatch(/^podwire ptp /);
  });

  test.each<[string, RegExp]>([
    ["cnv-bridge", /is not NAME=PLUGIN/],
    ["cnv-bridge=", /is not NAME=PLUGIN/],
    ["../bridge2=bridge", /is not NAME=PLUGIN/],
    [".hidden=bridge", /is not NAME=PLUGIN/],
    ["cnv-bridge=brige", /no plugin "brige"/],
    ["pw=podwire", /no plugin "podwire"/],
    ["ptp=bridge", /ptp is a name of podwire's own/],
    ["podwire=bridge", /podwire is a name of podwire's own/],
  ])("refuses %s, and changes nothing", async (given, words) => {
    await using target = await Target.create();
    const refused = await target.install("--alias", given);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toMatch(words);
    expect(await target.names()).toEqual([]);
  });

  test("leaves the former aliases if the installation fails", async () => {
    await using target = await Target.create();
    await target.install("--plugins", "bridge", "--alias", "cnv-bridge=bridge");
    await target.node.exec("mkdir", [`${folder}/cnv-tuning`]);
    const before = await target.status("%n %i %s");
    expect((await target.install(...alias)).exitCode).toBe(1);
    expect(await read(target, aliasFile)).toBe("cnv-bridge=bridge");
    expect((await target.names()).length).toBe(before.split("\n").length);
    const other = await Target.create();
    await using _ = other;
    await other.node.exec("mkdir", [`${folder}/cnv-bridge`]);
    expect((await other.install("--alias", "cnv-bridge=bridge")).exitCode).toBe(1);
    expect(await other.names()).toEqual(["cnv-bridge"]);
  });

  test("a name that nothing knows says what the file is, to people and to runtimes", async () => {
    await using target = await Target.create();
    await target.install("--plugins", "bridge");
    await target.node.exec("ln", [`${folder}/bridge`, `${folder}/cnv-bridge`]);
    for (const spoil of ["", "garbage\n=\ncnv-bridge=nothing\n", "cnv-bridge=__proto__"]) {
      if (spoil !== "") await write(target, aliasFile, spoil);
      const run = await target.node.exec(`${folder}/cnv-bridge`, ["--version"], { reject: false });
      expect([run.exitCode, run.stdout]).toEqual([2, ""]);
      expect(run.stderr).toMatch(
        /called as "cnv-bridge", which is not one.*names: .*bridge, .*--alias cnv-bridge=PLUGIN/,
      );
      const call = await target.node.plugin(`${folder}/cnv-bridge`, { command: "VERSION", config: kubevirt });
      expect(call).toMatchObject({ exitCode: 1, stderr: "" });
      expect(call.json).toMatchObject({
        cniVersion: "1.1.0",
        code: 7,
        msg: expect.stringMatching(/cnv-bridge is podwire \d.*not one of its plugins/),
        details: expect.stringMatching(/--bin-dir \/run\/bin --alias cnv-bridge=PLUGIN/),
      });
    }
    // Another installation may replace the file of a call that begins.
    const replaced = `exec 3<${folder}/cnv-bridge; ln -f ${folder}/bridge ${folder}/kept; rm ${folder}/cnv-bridge; exec /proc/self/fd/3 --version`;
    await write(target, aliasFile, "cnv-bridge=bridge\n");
    expect((await target.node.exec("bash", ["-c", replaced])).stderr).toMatch(/^podwire bridge /);
    await target.node.exec("mv", [`${folder}/kept`, `${folder}/cnv-bridge`]);
    // A symbolic link to a plugin is that plugin, and one to an alias is the alias's.
    await write(target, aliasFile, "cnv-bridge=bridge\n");
    for (const link of ["bridge", "cnv-bridge"]) {
      await target.node.exec("ln", ["-sf", link, `${folder}/linked`]);
      expect((await target.node.exec(`${folder}/linked`, ["--version"])).stderr).toMatch(/^podwire bridge /);
    }
  });

  test("podwire validate reads an alias as its plugin, and misses it where it is not there", async () => {
    await using target = await Target.create();
    await target.install("--alias", "cnv-bridge=bridge,my-local=host-local");
    const network = {
      cniVersion: "1.0.0",
      name: "n",
      plugins: [{ type: "cnv-bridge", isGatway: true, mtu: "x", ipam: { type: "my-local", range: [] } }],
    };
    await write(target, "/run/net/n.conflist", JSON.stringify(network));
    const { stdout } = await podwire(target, "validate", "/run/net");
    expect(stdout).toMatch(/isGatway is an unknown key \(did you mean "isGateway"\?\)/);
    expect(stdout).toMatch(/mtu must be a whole number/);
    expect(stdout).toMatch(/ipam\.range is an unknown key \(did you mean "ranges"\?\)/);
    await target.node.exec("rm", [`${folder}/my-local`]);
    expect((await podwire(target, "validate", "/run/net")).stdout).toMatch(
      /failed to find plugin "my-local"/,
    );
    const args = ["--conf", "/run/net/n.conflist", "--conf-dir", "/run/net", "--conf-name", "m.conflist"];
    expect((await target.install(...args)).stderr).toMatch(/mtu must be a whole number/);
  });

  test("a delegate may have a further name", async () => {
    await using target = await Target.create();
    await target.install("--alias", "my-local=host-local,my-bridge=bridge");
    const host = new Host(target.node, `${folder}/my-bridge`, folder);
    const pod = await host.pod("a");
    const ipam = { type: "my-local", ranges: [[{ subnet: "10.9.0.0/24" }]] };
    const config = { cniVersion: "1.1.0", name: "n", type: "my-bridge", ipam };
    const result = await host.add(pod, config);
    expect(result.ips).toHaveLength(1);
    await host.check(pod, config, result);
    succeeded(await host.call("STATUS", undefined, config));
    await host.del(pod, config);
  });
});

describe.runIf(canRun("ip", "nft", "ping"))("KubeVirt's chain of cnv-bridge and cnv-tuning", () => {
  test("attaches virtual machines to a bridge of the node, and drops forged MAC addresses", async () => {
    await using target = await Target.create();
    const { node } = target;
    await target.install(...alias);
    await node.exec("ip", ["link", "add", "br1", "up", "type", "bridge"]);
    const runtime = new Runtime(node, kubevirt, folder);
    const attachments = [];
    for (const [index, name] of ["a", "b"].entries()) {
      const netns = await node.addNetns(name);
      const attachment = { containerId: `vm-${name}`, netns, ifname: "net1" };
      attachments.push({ attachment, result: await runtime.add(attachment) });
      await node.exec("ip", ["address", "add", `192.0.2.${index + 1}/24`, "dev", "net1"], { netns: name });
    }
    const reaches = async () =>
      (await node.exec("ping", ["-c", "1", "-W", "1", "192.0.2.2"], { netns: "a", reject: false }))
        .exitCode === 0;
    expect(await reaches()).toBe(true);
    for (const { attachment, result } of attachments) await runtime.check(attachment, result);
    await node.exec("ip", ["link", "set", "net1", "address", "02:00:00:00:00:99"], { netns: "a" });
    expect(await reaches()).toBe(false);
    for (const { attachment, result } of attachments) await runtime.del(attachment, result);
    expect((await node.exec("nft", ["list", "ruleset"])).stdout).not.toContain("vm-");
    expect((await node.exec("ip", ["-br", "link"])).stdout).not.toContain("veth");
  });
});
