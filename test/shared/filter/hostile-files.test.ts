/** Other things in place of the files below /run/podwire: no call waits for them or follows them, and other pods keep their rules. */
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type HostileKind, hostileNames, plant, TARGET, targets } from "../../helpers/hostile.ts";
import { canRun } from "../../helpers/index.ts";
import { Host, hostLocal, type Keys, subnet4 } from "../../plugins/attachment/host.ts";

const config: Keys = {
  cniVersion: "1.1.0",
  name: "net",
  type: "ptp",
  ipMasq: true,
  ipam: hostLocal([subnet4]),
};
const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", PODWIRE_LOCK_TIMEOUT: "3" };

const namespaceFolder = ({ node }: Host) => {
  const [name] = readdirSync(node.path("/run/podwire/filter"));
  return `/run/podwire/filter/${name}`;
};
/** The record of the pod that was attached last. */
const lastRecord = async ({ node }: Host, folder: string) => {
  const { stdout } = await node.exec("sh", ["-c", `ls -t ${folder}/records | grep -v '^state$' | head -1`]);
  return `${folder}/records/${stdout.trim()}`;
};

const root = "all of podwire's folders";
const places: readonly (readonly [string, (host: Host) => string | Promise<string>])[] = [
  ["a record", (host) => lastRecord(host, namespaceFolder(host))],
  ["a file that is no record", (host) => `${namespaceFolder(host)}/records/strange`],
  ["the draft of a record", (host) => `${namespaceFolder(host)}/records/.draft`],
  ["the state", (host) => `${namespaceFolder(host)}/records/state`],
  ["a reservation", (host) => `${namespaceFolder(host)}/reservations/strange`],
  ["the folder of reservations", (host) => `${namespaceFolder(host)}/reservations`],
  ["the folder of records", (host) => `${namespaceFolder(host)}/records`],
  ["the folder of locks", () => "/run/podwire/locks"],
  [root, () => "/run/podwire"],
];

const masqueraded = async ({ node }: Host): Promise<string[]> => {
  const { stdout } = await node.exec("nft", ["list", "table", "inet", "podwire"], { reject: false });
  return [...new Set(stdout.match(/10\.1\.0\.\d+(?= comment)/g) ?? [])].sort();
};

/** What holds data is not removed, and nothing above the folders of podwire is. */
const mayRefuse = (place: string, kind: HostileKind) =>
  place === root ||
  ["a folder that holds something", "a huge file", "a file of another owner"].includes(kind);

describe.runIf(canRun("ip", "nft", "mkfifo", "mknod", "python3")).each(places)(
  "in place of %s",
  (place, pathOf) => {
    test.each(hostileNames)("%s stops no call", async (kind) => {
      await using host = await Host.create("ptp");
      const [living, leaving, coming] = await host.pods("living", "leaving", "coming");
      const { ips } = await host.add(living, config);
      await host.add(leaving, config);
      const path = await pathOf(host);
      await plant(host.node, path, kind);
      const added = await host.call("ADD", coming, config, { env });
      if (added.exitCode !== 0) {
        expect(added.json).toMatchObject({ code: 5, msg: expect.stringContaining(path) });
        expect(mayRefuse(place, kind), `${place}: ${added.stdout}`).toBe(true);
      }
      await host.del(leaving, config, { env });
      // The pod that no call was for keeps its rules.
      expect(await masqueraded(host)).toContain(ips[0].address.replace(/\/.*/, ""));
      await host.del(coming, config, { env });
      await host.gc(config, [living]);
      await host.del(living, config, { env });
      expect(await masqueraded(host)).toEqual([]);
      expect(await targets(host.node)).toBe(TARGET.text);
    });
  },
);

describe.runIf(canRun("ip", "nft"))("a copy of a record under another name", () => {
  test("disturbs no projection, and GC removes it", async () => {
    await using host = await Host.create("ptp");
    const [living, coming] = await host.pods("living", "coming");
    await host.add(living, config);
    const folder = namespaceFolder(host);
    const record = await lastRecord(host, folder);
    await host.node.exec("cp", [record, `${folder}/records/copy`]);
    await host.node.exec("nft", ["delete", "table", "inet", "podwire"]);
    await host.add(coming, config, { env });
    expect(await masqueraded(host)).toHaveLength(2);
    await host.gc(config, [living, coming]);
    expect(readdirSync(host.node.path(`${folder}/records`))).not.toContain("copy");
    expect(await masqueraded(host)).toHaveLength(2);
  });
});
