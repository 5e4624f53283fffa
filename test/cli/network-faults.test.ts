import { chmodSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun, createNode, distBin } from "../helpers/index.ts";
import { cached, cacheOf, files, linksIn, network, podwire, runOn } from "./podwire.ts";

describe.runIf(canRun("ip", "nft"))("podwire add, when something comes between,", () => {
  /** A plugin that gets Ctrl-C during ADD, as podwire does at a terminal; once it has said that it worked. */
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

  test("calls no plugin for what is attached already, and leaves it alone", async () => {
    const chain = network({ plugins: [{ type: "interrupted" }] });
    using folder = files({ "10-net.conflist": chain, "bin/interrupted": interrupted, "bin/well": "" });
    chmodSync(`${folder.path}/bin/interrupted`, 0o755);
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const env = { NETCONFPATH: folder.path, CNI_PATH: `${folder.path}/bin` };
    expect(await runOn(node, ["add", "net", netns], env)).toMatchObject({ exitCode: 0 });
    const second = await runOn(node, ["add", "net", netns], env);
    expect(second).toMatchObject({ exitCode: 1, stdout: "" });
    expect(second.stderr).toMatch(
      /eth0 of the container cnitool-\S+ is attached to net already.*podwire del/,
    );
    expect(readFileSync(`${folder.path}/bin/calls`, "utf8")).toBe("ADD\n");
    expect(cached(node, netns)).toMatchObject({ networkName: "net" });
    writeFileSync(cacheOf(node, netns), "");
    expect(await runOn(node, ["add", "net", netns], env)).toMatchObject({ exitCode: 1 });
    expect(readFileSync(`${folder.path}/bin/calls`, "utf8")).toBe("ADD\n");
    expect(await runOn(node, ["del", "net", netns], env)).toMatchObject({ exitCode: 0 });
    writeFileSync(`${folder.path}/bin/well`, "");
    expect(await runOn(node, ["add", "net", netns], env)).toMatchObject({ exitCode: 0 });
  });

  test.each([
    ["/dev/full", "ENOSPC|[Nn]o space"],
    ["/dev/full 2>&1", ""],
  ])("undoes the attachment when its result cannot be printed: >%s", async (target, words) => {
    using folder = files({ "10-net.conflist": network() });
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", CNI_PATH: distBin, NETCONFPATH: folder.path };
    const line = `'${podwire}' add net '${netns}' >${target}`;
    const added = await node.exec("sh", ["-c", line], { env, reject: false });
    expect(added).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(new RegExp(words)) });
    if (words !== "") expect(added.stderr).toContain("the attachment is undone");
    expect(await linksIn(node, "c1")).toEqual(["lo"]);
    const { stdout } = await node.exec("find", ["/var/lib/cni", "-name", "10.1.0.*", "-o", "-name", "*eth0"]);
    expect(stdout).toBe("");
    expect(await runOn(node, ["add", "net", netns], env)).toMatchObject({ exitCode: 0 });
  });

  test("passes over what is no regular file", async () => {
    using folder = files({ "20-net.conflist": network() });
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const env = { NETCONFPATH: folder.path };
    await node.exec("mkfifo", [`${folder.path}/10-net.conflist`]);
    symlinkSync("/dev/zero", `${folder.path}/30-net.conflist`);
    const added = await runOn(node, ["add", "net", netns], env);
    expect(added).toMatchObject({ exitCode: 0 });
    expect(added.stderr.split("\n")).toEqual([
      expect.stringContaining("10-net.conflist is skipped: it is a FIFO, not a regular file"),
      expect.stringContaining("30-net.conflist is skipped: it is a device, not a regular file"),
    ]);
    await node.exec("mkfifo", ["/var/lib/cni/results/net-c2-eth0", "/var/lib/cni/networks/net/10.1.0.9"]);
    expect(JSON.parse((await runOn(node, ["list", "--json"])).stdout)).toHaveLength(1);
  });

  test("takes back what the first plugins did when a later one fails, and remembers nothing", async () => {
    using folder = files({ "10-net.conflist": network({}, [{ type: "portmap", backend: "pf" }]) });
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const env = { NETCONFPATH: folder.path };
    const added = await runOn(node, ["add", "net", netns], env);
    expect(added).toMatchObject({ exitCode: 1, stdout: "" });
    expect(added.stderr).toContain("the plugin portmap failed ADD with code 7");
    expect(await linksIn(node, "c1")).toEqual(["lo"]);
    const { stdout } = await node.exec("find", ["/var/lib/cni", "-name", "10.1.0.*", "-o", "-name", "*eth0"]);
    expect(stdout).toBe("");
  });

  test("leaves alone what was there when it is called again", async () => {
    using folder = files({ "10-net.conflist": network() });
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const env = { NETCONFPATH: folder.path };
    expect(await runOn(node, ["add", "net", netns], env)).toMatchObject({ exitCode: 0 });
    expect(await runOn(node, ["add", "net", netns], env)).toMatchObject({ exitCode: 1 });
    expect(await runOn(node, ["check", "net", netns], env)).toMatchObject({ exitCode: 0 });
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

  test("has worked when the reader of the result is gone, as after head -1", async () => {
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
