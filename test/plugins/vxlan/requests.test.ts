/** How often ADD talks to the kernel, however many peers there are. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { Host, type Keys } from "../attachment/host.ts";
import { stepsOf } from "../sweep/system-calls.ts";
import { makeUnderlay, network } from "./single-node.ts";
import { fdbOf, programs } from "./world.ts";

const many = 600;
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);

/** That many peers, each with a subnet of its own. */
function withPeers(count: number, keys: Keys = {}): Keys {
  const peers = numbers(count).map((at) => {
    const [high, low] = [at >> 8, at & 0xff];
    return { vtep: `198.18.${high}.${low}`, subnets: [`10.${128 + high}.${low}.0/24`] };
  });
  return network("l3", [], {
    discovery: { type: "static", peers },
    l3: { network: "10.0.0.0/8", subnets: ["10.1.1.0/24"] },
    ...keys,
  });
}

async function requests(count: number) {
  await using host = await Host.create("vxlan");
  await makeUnderlay(host);
  const sends = async (name: string, config: Keys) => {
    const steps = await stepsOf({ host, command: "ADD", pod: await host.pod(name), config });
    return steps.filter(({ syscall }) => syscall === "sendto").length;
  };
  const first = await sends("one", withPeers(count));
  expect(await fdbOf(host.node)).toHaveLength(count);
  const again = await sends("two", withPeers(count));
  const joined = await sends("three", withPeers(count + 1));
  expect(await fdbOf(host.node)).toHaveLength(count + 1);
  return { first, again, joined };
}

describe.runIf(canRun("strace", ...programs))("ADD", () => {
  test(`sends about as few requests with ${many} peers as with ten: they are batched`, async () => {
    const few = await requests(10);
    const lots = await requests(many);
    // What is in order is seen by listing it, however long the list is.
    expect(lots.again).toBe(few.again);
    expect(lots.joined).toBeLessThanOrEqual(few.joined + 2);
    expect(lots.first).toBeLessThanOrEqual(few.first + many / 10);
    expect(few.again).toBeLessThan(few.first);
  });
});
