/** CHECK: whether the device is there as ADD made it, with its addresses and routes, and IPAM knows them. */
import { drift, RECREATE } from "../../shared/attachment/check.ts";
import { checkInside } from "../../shared/attachment/check-inside.ts";
import { runAll } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Link } from "../../shared/netlink/link.ts";
import { readTunDevice } from "../../shared/netlink/tun-device.ts";
import { findBridge } from "./bridge.ts";
import { owned, readTapConfig, type TapConfig } from "./config.ts";

const shown = (value: unknown) => (value === undefined ? "none" : String(value));

function checkSettings(link: Link, config: TapConfig): void {
  const found = readTunDevice(link);
  const { name } = link;
  if (!found.isTap) throw drift(`the interface ${name} is a tun device, and no tap device`, RECREATE);
  const steps = (["multiQueue", "owner", "group"] as const).map((key) => () => {
    if (found[key] !== config[key])
      throw drift(
        `the device ${name} has ${key} ${shown(found[key])}, expected ${shown(config[key])}`,
        RECREATE,
      );
  });
  runAll(steps);
}

export function check(request: Request): void {
  const config = readTapConfig(request);
  checkInside(request, owned.link, (link, { netlink }) =>
    runAll([
      () => checkSettings(link, config),
      () => {
        const bridge = findBridge(netlink, config.bridge);
        if (bridge === undefined || bridge.index === link.master) return;
        const advice = `ip link set ${link.name} master ${bridge.name}, in the container, repairs it`;
        throw drift(`the device ${link.name} is no port of ${bridge.name}`, advice);
      },
    ]),
  );
}
