/** The locks of the command: one call a container, one installation a folder. */
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../helpers/index.ts";
import { gatedPath, installGate } from "../plugins/attachment/gate.ts";
import { Target } from "./install/target.ts";
import { bridge, files, idOf, network, podwire, runOn } from "./podwire.ts";

const path = "/usr/sbin:/usr/bin:/sbin:/bin";

/** The container's ADD by the command waits in its IPAM plugin. */
async function startAdd(node: Node, netns: string, folder: string) {
  const gate = `/run/gates/${idOf(netns)}`;
  await installGate({ node }, { containerId: idOf(netns) });
  const env = { PATH: path, CNI_PATH: gatedPath, NETCONFPATH: folder };
  const process = node.start(podwire, ["add", "net", netns], { env });
  await expect.poll(() => existsSync(node.path(`${gate}.reached`)), { interval: 10 }).toBe(true);
  return { process, open: () => node.exec("sh", ["-c", `echo open > ${gate}`]) };
}

describe.runIf(canRun("ip", "mkfifo"))(
  "podwire, called for a container that another podwire works on",
  () => {
    test("names it after the time limit, and works when it has ended", async () => {
      using folder = files({
        "10-net.conflist": network({ plugins: [{ ...bridge, ipam: { ...bridge.ipam, type: "gated" } }] }),
      });
      await using node = await createNode();
      const netns = await node.addNetns("c1");
      const other = await node.addNetns("c2");
      const add = await startAdd(node, netns, folder.path);
      const env = { CNI_PATH: gatedPath, NETCONFPATH: folder.path, PODWIRE_LOCK_TIMEOUT: "0.3" };
      const refused = await runOn(node, ["del", "net", netns], env);
      expect(refused.exitCode).not.toBe(0);
      expect(refused.stderr).toMatch(new RegExp(`PID ${add.process.pid} \\(.*podwire add`));
      expect(await runOn(node, ["add", "net", other], env)).toMatchObject({ exitCode: 0 });
      await add.open();
      expect(await add.process.ended).toMatchObject({ exitCode: 0 });
      for (const each of [netns, other]) {
        expect(await runOn(node, ["del", "net", each], env)).toMatchObject({ exitCode: 0, stderr: "" });
      }
      const left = await node.exec(
        "sh",
        ["-c", "ls /run/podwire/locks | grep -E '^(container|attachment)-'"],
        {
          reject: false,
        },
      );
      expect(left.stdout).toBe("");
    });
  },
);

describe.runIf(canRun("flock", "setpriv"))("podwire install", () => {
  test("waits for no lock of another user on the folder, and leaves none", async () => {
    await using target = await Target.create();
    const user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    const hold = ["flock", "--no-fork", "/run/bin", "sh", "-c", "echo held; exec sleep 1000"];
    await using holder = target.node.start("setpriv", [...user, ...hold]);
    await holder.firstLine();
    expect(await target.install()).toMatchObject({ exitCode: 0 });
    await target.expectInstalled();
  });
});
