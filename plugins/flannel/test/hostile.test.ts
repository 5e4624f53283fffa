import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { canRun } from "../../../test/helpers/index.ts";
import { failed, type Host, type Pod } from "../../../test/plugins/attachment/host.ts";
import { links } from "../../../test/plugins/attachment/kernel-state.ts";
import { config, createWorld, dataDir, filesOf, programs, savedOn, writeOn } from "./world.ts";

let host: Host;
let pod: Pod;

describe.runIf(canRun(...programs))("flannel, with hostile files in its folder,", () => {
  beforeEach(async () => {
    ({ host, pod } = await createWorld());
    return () => host.node.dispose();
  });

  test("collects those of its network, and steps over the others", async () => {
    await host.add(pod, config);
    const hash = createHash("sha512").update("cbr0").digest("hex").slice(0, 16);
    // A call that was killed leaves a file that was not written whole; its name says whose it is.
    writeOn(host, `${dataDir}/id-z:${hash}:eth0`, "");
    writeOn(host, `${dataDir}/id-y:${hash}:net1`, '{"name": "cb');
    writeOn(host, `${dataDir}/id-a:${hash}:eth0`, "");
    const others = ["fifo", "folder", "garbage", "id-x:0123456789abcdef:eth0", "link", "nothing"];
    const script = `cd ${dataDir}; mkfifo fifo; mkdir folder; echo '[' >garbage; ln -s /etc/passwd link; ln -s gone nothing; touch ${others[3]}`;
    await host.node.exec("sh", ["-c", script]);
    writeOn(host, `${dataDir}/id-w`, JSON.stringify({ name: "cbr0", type: "bridge", podwireInterface: 7 }));
    await host.gc(config, [pod]);
    expect(filesOf(host)).toEqual([...others, "id-a", `id-a:${hash}:eth0`].sort());
    await host.del(pod, config);
    expect(filesOf(host)).toEqual(others);
    // What stands in place of its own file gives way.
    await host.node.exec("sh", ["-c", `cd ${dataDir}; mkfifo id-a; mkdir id-a:${hash}:eth0`]);
    await host.check(pod, config, await host.add(pod, config));
    expect(savedOn(host, "id-a").podwireInterface).toBe("eth0");
    await host.del(pod, config);
    expect(filesOf(host)).toEqual(others);
  });

  test("says so where the folder cannot be made, and attaches nothing", async () => {
    const before = await links(host.node);
    await host.node.exec("sh", ["-c", "mkdir -p /var/lib/cni; echo text >/var/lib/cni/flannel"]);
    failed(await host.call("ADD", pod, config), 5, /\/var\/lib\/cni\/flannel/);
    failed(await host.call("STATUS", undefined, config), 50, /\/var\/lib\/cni\/flannel/);
    expect(await links(host.node)).toEqual(before);
    await host.del(pod, config);
    expect(readFileSync(host.node.path(dataDir), "utf8")).toBe("text\n");
  });
});
