import { createHash } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { podwire, runOn } from "../../cli/podwire.ts";
import {
  builtPlugin,
  canRun,
  createNode,
  distBin,
  type Node,
  referenceBin,
  referencePlugin,
} from "../../helpers/index.ts";
import { pluginOptions, pluginRun } from "../../helpers/plugin.ts";
import { failed, Host, hostLocal, type Keys, type Pod, subnet4 } from "../../plugins/attachment/host.ts";
import { addresses, hostState, links, reservations } from "../../plugins/attachment/kernel-state.ts";

// An error that may pass says nothing about whether a container lives: it ends the call, which changes nothing.

/** The errors of open(2), with the words by which a person knows them, and the code: 11 if a repetition may help. */
const errors: [string, RegExp, number][] = [
  ["ENFILE", /too many open files on this node/, 11],
  ["EMFILE", /too many open files/, 11],
  ["ENOMEM", /memory/, 11],
  ["EIO", /input\/output error/, 5],
  ["EINTR", /interrupted/, 11],
  ["EACCES", /permission denied/, 5],
];

const config: Keys = {
  cniVersion: "1.0.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  ipam: hostLocal([subnet4]),
};

const portsFor = (prevResult: unknown): Keys => ({
  cniVersion: "1.0.0",
  name: "net",
  type: "portmap",
  backend: "nftables",
  runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80 }] },
  prevResult,
});

/** strace(1), so that each such call for the path fails. */
const failing = (syscall: string, path: string, error: string): string[] => [
  ...["-f", "-o", "/dev/null", "-e", `trace=${syscall}`, "-P", path],
  ...["-e", `inject=${syscall}:error=${error}`],
];

describe.runIf(canRun("ip", "nft", "strace")).each(errors)(
  "%s where a namespace is looked at",
  (error, words, code) => {
    let node: Node;
    let bridge: Host;
    let a: Pod;
    let result: unknown;

    beforeEach(async () => {
      node = await createNode();
      bridge = new Host(node, builtPlugin("bridge"));
      a = await bridge.pod("a");
      result = await bridge.add(a, config);
      return () => node.dispose();
    });

    const callFailing = async (
      host: Host,
      call: Parameters<Host["request"]>,
      syscall = "openat",
      path = a.netns,
    ) => {
      const words = [...failing(syscall, path, error), host.executable];
      return pluginRun(
        await node.exec("strace", words, pluginOptions(host.executable, host.request(...call))),
      );
    };

    // An error that does not pass, such as that of a disk, means that no call has the lock: DEL goes on without it.
    const isPassing = code === 11;
    if (isPassing)
      test("at the lock of an attachment lets no DEL go without it", async () => {
        const hash = createHash("sha512").update(["net", a.containerId, a.ifname].join("\0")).digest("hex");
        const lock = `/run/podwire/locks/attachment-${hash.slice(0, 32)}`;
        const before = await hostState(node);
        failed(await callFailing(bridge, ["DEL", a, config], "openat", lock), code, words);
        expect(await hostState(node)).toEqual(before);
        await bridge.check(a, config, result);
      });

    test("takes no host port away", async () => {
      const portmap = new Host(node, builtPlugin("portmap"));
      await portmap.add(a, portsFor(result));
      const b = await bridge.pod("b");
      const ports = portsFor(await bridge.add(b, config));
      const before = await hostState(node);
      failed(await callFailing(portmap, ["ADD", b, ports]), code, words);
      expect(await hostState(node)).toEqual(before);
    });

    test("releases no address in GC", async () => {
      const hostLocalPlugin = new Host(node, builtPlugin("host-local"));
      const keys = { ...config, cniVersion: "1.1.0", "cni.dev/valid-attachments": [] };
      const before = await reservations(node);
      failed(await callFailing(hostLocalPlugin, ["GC", undefined, keys]), code, words);
      expect(await reservations(node)).toEqual(before);
    });

    test("gives no address of an exhausted range away", async () => {
      const single = {
        ...config,
        name: "single",
        ipam: {
          type: "host-local",
          ranges: [[{ subnet: "10.2.0.0/24", rangeStart: "10.2.0.9", rangeEnd: "10.2.0.9" }]],
        },
      };
      const [c, d] = await bridge.pods("c", "d");
      const hostLocalPlugin = new Host(node, builtPlugin("host-local"));
      await hostLocalPlugin.add(c, single);
      failed(
        await callFailing(hostLocalPlugin, ["ADD", d, single], "statx", c.netns),
        11,
        /no IP addresses available/,
      );
      expect(await reservations(node, "single")).toEqual(["10.2.0.9"]);
    });

    test.runIf(canRun(referencePlugin("bridge")))(
      "is no success of DEL, which then releases no address",
      async () => {
        const reference = new Host(node, referencePlugin("bridge"), referenceBin);
        const pod = await reference.pod("r");
        await reference.add(pod, config);
        const before = await reservations(node);
        failed(
          await callFailing(bridge, ["DEL", pod, config], "openat", pod.netns),
          error === "EACCES" ? 8 : code,
          words,
        );
        expect(await reservations(node)).toEqual(before);
        expect(await addresses(node, "eth0", "r")).toHaveLength(1);
        await bridge.del(pod, config);
        expect(await reservations(node)).toEqual(["10.1.0.2"]);
        expect((await links(node, "r")).map(({ ifname }) => ifname)).toEqual(["lo"]);
      },
    );

    test("is no success of loopback's DEL", async () => {
      const loopback = new Host(node, builtPlugin("loopback"));
      const lo = { ...a, ifname: "lo" };
      const keys = { cniVersion: "1.0.0", name: "lo-net", type: "loopback" };
      await loopback.add(lo, keys);
      failed(await callFailing(loopback, ["DEL", lo, keys]), error === "EACCES" ? 8 : code, words);
      expect((await links(node, "a"))[0]?.flags).toContain("UP");
    });

    test("lets podwire gc take nothing down", async () => {
      const conflist = { cniVersion: "1.1.0", name: "lo-net", plugins: [{ type: "loopback" }] };
      await node.exec("sh", [
        "-c",
        'mkdir -p /run/net.d; printf %s "$0" > /run/net.d/lo.conflist',
        JSON.stringify(conflist),
      ]);
      const env = { NETCONFPATH: "/run/net.d", CNI_PATH: distBin, CNI_IFNAME: "lo" };
      expect(await runOn(node, ["add", "lo-net", a.netns], env)).toMatchObject({ exitCode: 0 });
      const { stdout: file } = await node.exec("sh", ["-c", "ls /var/lib/cni/results/*"]);
      const before = await hostState(node);
      const paths = error === "EACCES" ? [file.trim()] : [a.netns, file.trim()];
      for (const path of paths) {
        const run = await node.exec("strace", [...failing("openat", path, error), podwire, "gc", "lo-net"], {
          env,
          reject: false,
        });
        expect(run.stderr).toMatch(words);
        expect(run.exitCode).toBe(1);
      }
      expect(await hostState(node)).toEqual(before);
      expect((await links(node, "a"))[0]?.flags).toContain("UP");
    });
  },
);
