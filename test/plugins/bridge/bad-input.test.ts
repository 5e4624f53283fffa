import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { containerState, hostState } from "../attachment/kernel-state.ts";
import {
  type Extras,
  failed,
  Host,
  hostLocal,
  type Keys,
  network,
  type Pod,
  programs,
  subnet4,
} from "./host.ts";

const config = network({ isDefaultGateway: true, ipMasq: true, macspoofchk: true });

interface Attempt {
  readonly pod?: Partial<Pod>;
  readonly input?: Keys | string | Uint8Array;
  readonly extras?: Extras;
}

/** A host that has seen no ADD, and how it is. */
const createCleanHost = async () => {
  const host = await Host.create();
  mkdirSync(host.node.path("/run/folder"));
  writeFileSync(host.node.path("/run/plain"), "");
  symlinkSync("/run/nowhere", host.node.path("/run/dangling"));
  const pod = await host.pod("a");
  const state = async () => [await hostState(host.node), await containerState(host.node, pod.name)];
  return { host, pod, state, before: await state() };
};

/** One host for all that is refused on it: each refusal leaves it clean. */
let clean: ReturnType<typeof createCleanHost> | undefined;
const disposeOfCleanHost = async () => {
  const used = await clean;
  clean = undefined;
  await used?.host.node.dispose();
};
afterAll(disposeOfCleanHost);

/** ADD must fail so on a clean host, which must then be as it was, to the last file. */
const expectRefused = async (attempt: Attempt, code: number, words: string | RegExp = "") => {
  clean ??= createCleanHost();
  const { host, pod, state, before } = await clean;
  try {
    const run = await host.call("ADD", { ...pod, ...attempt.pod }, attempt.input ?? config, attempt.extras);
    failed(run, code, words);
    expect(await state()).toEqual(before);
  } catch (error) {
    await disposeOfCleanHost();
    throw error;
  }
};

describe.runIf(canRun(...programs))("standard input is refused when it is", () => {
  test.each([
    ["empty", ""],
    ["white space", " \n"],
    ["no JSON", "{"],
    ["a list", "[]"],
    ["text", '"bridge"'],
    ["null", "null"],
    ["a number", "7"],
    ["bytes that are no text", new Uint8Array([0xff, 0xfe, 0x00, 0x7b])],
    ["two documents", `${JSON.stringify(config)}{}`],
    ["deeply nested", "[".repeat(100_000)],
    ["10 MB of an open list", `{"name":[${"1,".repeat(5_000_000)}`],
  ])("%s", (_kind, input) => expectRefused({ input }, 6));

  test("10 MB of sound JSON, whose limit is told", () =>
    expectRefused({ input: { ...config, comment: "x".repeat(10_000_000) } }, 6, "more than 4194304 bytes"));

  test("not 4 MB of sound JSON", async () => {
    await using host = await Host.create();
    await host.add(await host.pod("a"), { ...config, comment: "x".repeat(4_000_000) });
  });
});

describe.runIf(canRun(...programs))("a key of the wrong type is refused, by name", () => {
  const wrong: [string, unknown][] = [
    ["bridge", 1],
    ["isGateway", "true"],
    ["isDefaultGateway", 1],
    ["forceAddress", "no"],
    ["ipMasq", "yes"],
    ["ipMasqBackend", true],
    ["mtu", "1500"],
    ["mtu", 1500.5],
    ["hairpinMode", []],
    ["promiscMode", {}],
    ["vlan", "5"],
    ["vlanTrunk", { id: 5 }],
    ["preserveDefaultVlan", "x"],
    ["macspoofchk", 0],
    ["enabledad", "0"],
    ["portIsolation", "isolated"],
    ["disableContainerInterface", 1],
    ["ipam", "host-local"],
    ["ipam", [{ type: "host-local" }]],
    ["dns", "1.1.1.1"],
    ["runtimeConfig", []],
    ["args", "x"],
    ["name", 5],
    ["prevResult", "x"],
  ];

  test.each(wrong)("%s: %j", (key, value) => expectRefused({ input: { ...config, [key]: value } }, 6, key));
});

describe.runIf(canRun(...programs))("a value is refused", () => {
  const bad: [string, Keys, number, RegExp][] = [
    ["a bridge name that is too long", { bridge: "sixteen-letters-" }, 7, /bridge/],
    ["a bridge name that is a path", { bridge: "../br0" }, 7, /bridge/],
    ["a bridge name with a space", { bridge: "br 0" }, 7, /bridge/],
    ["a bridge name that is a pattern", { bridge: "br%d" }, 7, /bridge/],
    ["a bridge called .", { bridge: "." }, 7, /bridge/],
    ["a bridge called lo", { bridge: "lo" }, 7, /lo/],
    ["a bridge called as other parameters of the kernel: all", { bridge: "all" }, 7, /all/],
    ["a bridge called as other parameters of the kernel: default", { bridge: "default" }, 7, /default/],
    ["a VLAN out of range", { vlan: 4095 }, 7, /vlan/],
    ["a VLAN below 0", { vlan: -1 }, 7, /vlan/],
    ["a trunk with one end only", { vlanTrunk: [{ minID: 5 }] }, 7, /maxID/],
    ["a trunk the wrong way round", { vlanTrunk: [{ minID: 6, maxID: 5 }] }, 7, /minID/],
    ["a trunk with VLAN 0", { vlanTrunk: [{ id: 0 }] }, 7, /id/],
    ["no name", { name: undefined }, 7, /name/],
    ["an empty name", { name: "" }, 7, /name/],
    ["a name that is a path", { name: "../../etc" }, 7, /name/],
    ["a name with a NUL", { name: "a\0b" }, 7, /name/],
    ["a name with a line break", { name: "a\nb" }, 7, /name/],
    ["a name in other letters", { name: "сеть" }, 7, /name/],
    ["a name that hides from ls", { name: ".hidden" }, 7, /name/],
    ["a range too small", { ipam: hostLocal(["10.1.0.0/31"]) }, 7, /10\.1\.0\.0\/31/],
    [
      "overlapping ranges",
      { ipam: { type: "host-local", ranges: [[{ subnet: subnet4 }], [{ subnet: "10.1.0.128/25" }]] } },
      7,
      /overlap/,
    ],
    ["no ranges", { ipam: { type: "host-local" } }, 7, /range/],
    ["a subnet with host bits", { ipam: hostLocal(["10.1.0.5/24"]) }, 7, /10\.1\.0\.5\/24/],
    [
      "a word in place of a route",
      { ipam: hostLocal([subnet4], { routes: [{ dst: "everywhere" }] }) },
      7,
      /everywhere/,
    ],
  ];

  test.each(bad)("%s", (_kind, keys, code, words) =>
    expectRefused({ input: { ...config, ...keys } }, code, words),
  );

  test("a VLAN on a kernel without bridge VLAN filtering, with what is missing", async () => {
    await using host = await Host.create();
    const probe = await host.node.exec(
      "ip",
      ["link", "add", "probe", "type", "bridge", "vlan_filtering", "1"],
      {
        reject: false,
      },
    );
    // Where the kernel has it, the tests in a virtual machine are the ones that count.
    if (probe.exitCode === 0) return;
    await host.node.exec("sh", ["-c", "ip link del probe 2>/dev/null || true"]);
    await host.warmUp({ ...config, bridge: "other0" });
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    failed(await host.call("ADD", pod, { ...config, vlan: 5 }), 7, /VLAN filtering/);
    failed(await host.call("ADD", pod, { ...config, vlanTrunk: [{ id: 5 }] }), 7, /VLAN filtering/);
    expect(await hostState(host.node)).toEqual(before);
  });
});

const long = "x".repeat(100_000);

describe.runIf(canRun(...programs))("a variable is refused", () => {
  const bad: [string, Partial<Pod>, number, RegExp][] = [
    ["no container ID", { containerId: "" }, 4, /CNI_CONTAINERID/],
    ["a container ID that is a path", { containerId: "../../x" }, 4, /CNI_CONTAINERID/],
    ["a container ID with a space", { containerId: "a b" }, 4, /CNI_CONTAINERID/],
    ["a container ID in other letters", { containerId: "контейнер" }, 4, /CNI_CONTAINERID/],
    ["a container ID with a line break", { containerId: "a\nb" }, 4, /CNI_CONTAINERID/],
    ["no interface name", { ifname: "" }, 4, /CNI_IFNAME/],
    ["a long interface name", { ifname: "sixteen-letters-" }, 4, /CNI_IFNAME/],
    ["a long interface name in other letters", { ifname: "éééééééé" }, 4, /CNI_IFNAME/],
    ["an interface name that is a path", { ifname: "a/b" }, 4, /CNI_IFNAME/],
    ["an interface name with a colon", { ifname: "eth0:1" }, 4, /CNI_IFNAME/],
    ["an interface called ..", { ifname: ".." }, 4, /CNI_IFNAME/],
    ["an interface name with a space of another kind", { ifname: "eth\u00a00" }, 4, /CNI_IFNAME/],
    ["an interface that every container has", { ifname: "lo" }, 4, /lo/],
    ["an interface called as all of the kernel's parameters", { ifname: "all" }, 4, /all/],
    ["an interface called as the kernel's defaults", { ifname: "default" }, 4, /default/],
    ["no namespace", { netns: "" }, 4, /CNI_NETNS/],
    ["a namespace that is missing", { netns: "/run/netns/none" }, 8, /none/],
    ["a namespace path that is a folder", { netns: "/run/folder" }, 8, /folder/],
    ["a namespace path that is a plain file", { netns: "/run/plain" }, 8, /plain/],
    ["a namespace path that leads nowhere", { netns: "/run/dangling" }, 8, /dangling/],
    ["a namespace of another kind", { netns: "/proc/self/ns/mnt" }, 8, /mnt/],
    ["a device for a namespace", { netns: "/dev/null" }, 8, /null/],
    ["a namespace path of enormous length", { netns: `/${long}` }, 8, /x/],
    ["the plugin's own namespace", { netns: "/proc/self/ns/net" }, 8, /same/],
    ["the plugin's own namespace by another path", { netns: "/proc/thread-self/ns/net" }, 8, /same/],
  ];

  test.each(bad)("%s", (_kind, pod, code, words) => expectRefused({ pod }, code, words));

  test.each([
    ["no CNI_PATH where IPAM is needed", { path: "" }, 4, /CNI_PATH/],
    ["CNI_ARGS that are no pairs", { args: "novalue" }, 4, /CNI_ARGS/],
    ["CNI_ARGS with an unknown key", { args: "UNKNOWN=1" }, 4, /UNKNOWN/],
  ])("%s", (_kind, extras, code, words) => expectRefused({ extras }, code, words));

  test.each([64, 200, 255, 1000, 100_000])(
    "a container ID of %i characters is no trouble",
    async (length) => {
      await using host = await Host.create();
      const pod = { ...(await host.pod("a")), containerId: "x".repeat(length) };
      const result = await host.add(pod, config);
      await host.check(pod, config, result);
      await host.del(pod, config);
      expect((await hostState(host.node)).ipsets.filter((line) => line.startsWith("add "))).toEqual([]);
    },
  );
});

describe.runIf(canRun(...programs))("what only the answer of IPAM shows", () => {
  test("a gateway outside its range is refused, and the address goes back", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const ipam = { type: "host-local", subnet: subnet4, gateway: "10.9.9.9" };
    const before = await hostState(host.node);
    failed(await host.call("ADD", pod, { ...config, ipam }), 7, /10\.9\.9\.9/);
    // What stays is the folder of the store, with its lock and the address that was last handed out.
    const isOfStore = (line: unknown) => /\/networks\/net\/(lock|last_reserved_ip\.0):/.test(String(line));
    const after = await hostState(host.node);
    const files = (after.files ?? []).filter((line) => !isOfStore(line));
    expect({ ...after, files }).toEqual(before);
  });
});
