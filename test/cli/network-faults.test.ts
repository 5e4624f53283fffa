import { chmodSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun, createNode, distBin } from "../helpers/index.ts";
import { cached, files, linksIn, network, podwire, runOn } from "./podwire.ts";

describe.runIf(canRun("ip", "nft"))("podwire add, when something comes between,", () => {
  /** A plugin that gets Ctrl-C in the midst of ADD, as podwire does at a terminal; once it has said that it worked. */
  const interrupted = `#!/bin/sh
echo "$CNI_COMMAND" >> "\${0%/*}/calls"
[ "$CNI_COMMAND" = ADD ] || exit 0
if [ -e "\${0%/*}/well" ]; then rm "\${0%/*}/well"; echo '{"cniVersion": "1.1.0"}'; exit 0; fi
kill -INT "$PPID"
kill -KILL $$
`;

  test("takes back all of it when it is interrupted, what was killed included", async () => {
    const chain = network({}, [{ type: "interrupted" }]);
    using folder = files({ "10-net.conflist": chain, "bin/interrupted": interrupted });
    chmodSync(`${folder.path}/bin/interrupted`, 0o755);
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const env = { NETCONFPATH: folder.path, CNI_PATH: `${folder.path}/bin:${distBin}` };
    const added = await runOn(node, ["add", "net", netns], env);
    expect(added).toMatchObject({ exitCode: 1, stdout: "" });
    expect(added.stderr).toContain("interrupted ended with signal SIGKILL");
    expect(readFileSync(`${folder.path}/bin/calls`, "utf8")).toBe("ADD\nDEL\n");
    expect(await linksIn(node, "c1")).toEqual(["lo"]);
    const { stdout } = await node.exec("find", ["/var/lib/cni", "-name", "10.1.0.*", "-o", "-name", "*eth0"]);
    expect(stdout).toBe("");
  });

  test("leaves alone what was there when a plugin is killed", async () => {
    const chain = network({ plugins: [{ type: "interrupted" }] });
    using folder = files({ "10-net.conflist": chain, "bin/interrupted": interrupted, "bin/well": "" });
    chmodSync(`${folder.path}/bin/interrupted`, 0o755);
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const env = { NETCONFPATH: folder.path, CNI_PATH: `${folder.path}/bin` };
    expect(await runOn(node, ["add", "net", netns], env)).toMatchObject({ exitCode: 0 });
    expect(await runOn(node, ["add", "net", netns], env)).toMatchObject({ exitCode: 1 });
    expect(readFileSync(`${folder.path}/bin/calls`, "utf8")).toBe("ADD\nADD\n");
    expect(cached(node, netns)).toMatchObject({ networkName: "net" });
  });

  test("attaches once when it is called several times at once for a container", async () => {
    using folder = files({ "10-net.conflist": network() });
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const env = { NETCONFPATH: folder.path };
    const added = await Promise.all([1, 2, 3, 4].map(() => runOn(node, ["add", "net", netns], env)));
    expect(added.map(({ exitCode }) => exitCode).sort()).toEqual([0, 1, 1, 1]);
    expect(await runOn(node, ["check", "net", netns], env)).toMatchObject({ exitCode: 0, stderr: "" });
    const { stdout } = await node.exec("ls", ["-A", "/var/lib/cni"]);
    expect(stdout.split("\n")).toEqual(["networks", "results"]);
  });

  test("has worked when nobody reads the result any more, as after head -1", async () => {
    using folder = files({ "10-net.conflist": network() });
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", CNI_PATH: distBin, NETCONFPATH: folder.path };
    const line = `'${podwire}' add net '${netns}' | true; exit \${PIPESTATUS[0]}`;
    expect(await node.exec("bash", ["-c", line], { env, reject: false })).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
    expect(cached(node, netns)).toMatchObject({ networkName: "net" });
  });
});
