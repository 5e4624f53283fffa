import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createNode, type Node, runModule } from "../../helpers/index.ts";

let node: Node;
beforeAll(async () => {
  node = await createNode();
});
afterAll(() => node.dispose());

/** A call that fails, as without memory, once an address is taken; what the next call finds of the owner's. */
const failing = (network: string, work: string) => `
  import { Store } from "./ipam/host-local/store.ts";
  const place = { dataDir: "/var/lib/cni/networks", network: "${network}" };
  const [first, owner] = ["c1", "c2"].map((containerId) => ({ containerId, ifname: "eth0" }));
  const before = Store.make(place, 5);
  before.find(first);
  before.save({ ...first, boot: before.boot, reservations: [before.take("10.1.0.2", first)] });
  before.close();
  const store = Store.make(place, 5);
  store.find(owner);
  const reservation = store.take("10.1.0.3", owner);
  ${work}
  store.close();
  const next = Store.make(place, 5);
  console.log(JSON.stringify(next.find(owner)?.reservations.map(({ name }) => name) ?? []));
  next.close();`;

describe("an address that was taken when the call failed", () => {
  test("is found by the owner's DEL", async () => {
    expect(await runModule(node, failing("unsaved", ""))).toEqual(["10.1.0.3"]);
  });

  test("is gone if the call could release it", async () => {
    expect(await runModule(node, failing("released", "store.release([reservation]);"))).toEqual([]);
  });
});
