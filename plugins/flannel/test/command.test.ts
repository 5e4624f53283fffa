/** The command podwire with a network of flannel. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { runOn } from "../../../test/cli/podwire.ts";
import { canRun, createNode, projectRoot } from "../../../test/helpers/index.ts";
import { writeSubnetEnv } from "../../../test/helpers/subnet-env.ts";
import { reservations } from "../../../test/plugins/attachment/kernel-state.ts";

const NETCONFPATH = join(projectRoot, "conf-examples");

test.runIf(canRun("ip", "nft"))("podwire attaches, checks, lists, asks, collects and detaches", async () => {
  await using node = await createNode();
  const netns = await node.addNetns("a");
  const podwire = async (...words: string[]) => {
    const { exitCode, stdout, stderr } = await runOn(node, words, { NETCONFPATH });
    return { exitCode, text: stdout + stderr };
  };
  // Of the folder's order, and of nothing in the file.
  const { exitCode, text } = await podwire("validate", join(NETCONFPATH, "flannel.conflist"));
  expect([exitCode, text.split("\n").filter((line) => !/sorts after/.test(line))]).toEqual([0, []]);
  const early = await podwire("add", "cbr0", netns);
  expect(early).toMatchObject({
    exitCode: 1,
    text: expect.stringMatching(/flanneld has not written it yet/),
  });
  expect((await podwire("status", "cbr0")).text).toMatch(/flanneld has not written it yet/);
  await writeSubnetEnv(node);
  expect(await podwire("status", "cbr0")).toMatchObject({ exitCode: 0 });
  expect(await podwire("add", "cbr0", netns)).toMatchObject({ exitCode: 0 });
  expect(await podwire("check", "cbr0", netns)).toMatchObject({ exitCode: 0 });
  expect((await podwire("list")).text).toMatch(/^cbr0 +cnitool-\w+ +eth0 +10\.244\.1\.2 +veth/m);
  expect(await podwire("gc", "cbr0")).toMatchObject({ exitCode: 0 });
  expect(await reservations(node, "cbr0")).toEqual(["10.244.1.2"]);
  await node.deleteNetns("a");
  expect(await podwire("gc", "cbr0")).toMatchObject({ exitCode: 0 });
  const { stdout } = await node.exec("sh", ["-c", "ls -A /var/lib/cni/flannel /var/lib/cni/results"]);
  expect([await reservations(node, "cbr0"), stdout]).toEqual([[], expect.not.stringMatching(/cnitool/)]);
});
