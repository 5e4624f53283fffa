import { expect, test } from "vitest";
import { canRun, createNode, runModule } from "../../helpers/index.ts";
import { nftMembers } from "./world.ts";

const COUNT = 5000;

/** Writes the records of attachments through the store, as their ADDs do, without touching the kernel; then one call projects all. */
const source = `
  import { contextOf } from "./shared/filter/choice.ts";
  import { projectAll } from "./shared/filter/nftables.ts";
  import { RecordStore } from "./shared/filter/record-store.ts";
  import { parseCidr } from "./shared/ip/cidr.ts";
  import { withNetfilter } from "./shared/netlink/netfilter.ts";
  const conditions = { 4: [], 6: [] };
  const recordsOf = (index) => {
    const owner = { network: "net" + index % 3, containerId: "c".repeat(58) + index, ifname: "eth0" };
    const part = Math.floor(index / 250) + "." + (index % 250 + 2);
    const addresses = ["10." + index % 3 + "." + part + "/16", "fd00:" + index % 3 + "::" + part.replace(".", ":") + "/64"].map(parseCidr);
    const spoofCheck = { port: "veth" + index, mac: "02:00:00:00:" + [index >> 8, index & 255].map((byte) => byte.toString(16).padStart(2, "0")).join(":") };
    const mappings = [4, 6].map((family) => ({ protocol: "tcp", family, hostPort: 10000 + index, containerPort: 80 }));
    return [
      { owner, kind: "interface", backend: "nftables", masquerade: { addresses, exceptions: [] }, spoofCheck },
      { owner, kind: "portmap", backend: "nftables",
        hostPorts: { targets: addresses, mappings, snat: true, masqAll: false, markBit: 13, conditions } },
    ];
  };
  withNetfilter((connection) => {
    const store = new RecordStore(connection, {});
    store.whileLocked(() => {
      for (let index = 0; index < ${COUNT}; index++) recordsOf(index).forEach((record) => store.write(record));
      projectAll(contextOf(connection, store, {}));
    });
  });
  console.log("null");`;

test.runIf(canRun("nft"))(
  `${COUNT} attachments are projected in one call`,
  async () => {
    await using node = await createNode();
    expect(await runModule(node, source)).toBeNull();
    // Two addresses for masquerade, two targets, two host ports, a guarded port and its MAC address.
    for (const [start, count] of [
      ["pods", 2],
      ["targets", 2],
      ["hostports", 2],
      ["guarded", 1],
      ["allowed", 1],
    ] as const) {
      const members = await nftMembers(node, start);
      expect(members, start).toHaveLength(count * COUNT);
      expect(new Set(members).size, start).toBe(count * COUNT);
    }
  },
  300_000,
);
