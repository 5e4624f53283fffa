/** Many containers at once. */
import type { Host, Pod } from "./host.ts";

/** Runs `work` for every item, at most `lanes` at a time, and returns what it returned, in order. */
export const inLanes = async <Item, Value>(
  items: readonly Item[],
  lanes: number,
  work: (item: Item, index: number) => Promise<Value>,
): Promise<Value[]> => {
  const values: Value[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      values[index] = await work(items[index] as Item, index);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return values;
};

/** Makes the namespaces of many containers. */
export const makePods = async (host: Host, count: number): Promise<Pod[]> => {
  const names = Array.from({ length: count }, (_, index) => `pod${index}`);
  const paths = await host.node.addNetnses(names);
  return names.map((name, index) => ({
    name,
    netns: paths[index] ?? "",
    containerId: `id-${name}`,
    ifname: "eth0",
  }));
};
