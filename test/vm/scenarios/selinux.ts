import assert from "node:assert/strict";
import { assertRefused } from "./pods.ts";
import type { Scenario } from "./scenario.ts";
import { type Keys, scenariosOn } from "./stage.ts";

// The machine's kernel has SELinux without a policy, as before a distribution loads its own. It takes any context then,
// and forbids nothing.

const ipam = { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] };
const config: Keys = { cniVersion: "1.1.0", name: "net", type: "tap", ipam };

const onStage = scenariosOn(config, async ({ node }) => {
  await node.exec("sh", [
    "-ec",
    "[ -e /sys/fs/selinux/enforce ] || mount -t selinuxfs selinuxfs /sys/fs/selinux",
  ]);
});

export const selinux: readonly Scenario[] = [
  onStage(
    "a missing module is named; a device with an SELinux context is made by ip, for user and group",
    async (stage) => {
      const wanted = {
        selinuxContext: "system_u:system_r:container_t:s0",
        owner: 107,
        group: 108,
        multiQueue: true,
        mtu: 1400,
      };
      // The module is not loaded yet.
      for (const command of ["STATUS", "ADD"] as const)
        assert.equal(assertRefused(await stage.call(command), /no tap devices.*modprobe tun/s), 50);
      await stage.node.exec("modprobe", ["tun"]);
      await stage.done("STATUS", wanted);
      const prevResult = await stage.done("ADD", wanted);
      const { stdout } = await stage.ip("-d", "link", "show", "eth0");
      assert.match(stdout, /mtu 1400[\s\S]*tun type tap[\s\S]*multi_queue[\s\S]*user 107 group 108/);
      await stage.done("CHECK", { ...wanted, prevResult });
      await stage.done("DEL", { ...wanted, prevResult });
      assert.deepEqual(await stage.names(), ["lo"]);
      assert.deepEqual(await stage.reservations(), []);
    },
  ),
];
