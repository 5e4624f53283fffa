/** ADD: reserves an address of every range set. */
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result, ResultIp } from "../../shared/cni/result.ts";
import { isUnspecified } from "../../shared/ip/address.ts";
import { lockLimit } from "../../shared/system/folder-lock.ts";
import { withAdvice } from "./advice.ts";
import { allocate } from "./allocate.ts";
import { readHostLocal } from "./configuration.ts";
import { readDnsFile } from "./dns.ts";
import { assignRequested, readRequested } from "./requests.ts";
import { restoreLiving } from "./restore.ts";
import { Store } from "./store.ts";

export function add(request: Request): Result {
  const { containerId, ifname, netns } = request;
  const configuration = readHostLocal(request.configuration);
  const { sets, routes, dataDir } = configuration;
  const requests = assignRequested(sets, readRequested(request));
  const dns = readDnsFile(configuration.resolvConf);
  const advice = `"ipam.dataDir" is ${dataDir}: check that it is writable, on a file system with free space`;
  const leases = withAdvice(advice, () => {
    const store = Store.make(configuration, lockLimit(request.environment));
    try {
      restoreLiving(store, configuration.network, sets);
      return allocate(store, { owner: { containerId, ifname }, netns, requests });
    } finally {
      store.close();
    }
  });
  const ips: ResultIp[] = [];
  for (const { address, range } of leases) {
    const { gateway, subnet } = range;
    const cidr = { address, prefixLength: subnet.prefixLength };
    // Configured as 0.0.0.0 or ::, there is no gateway.
    ips.push(isUnspecified(gateway) ? { address: cidr } : { address: cidr, gateway });
  }
  return { interfaces: [], ips, routes, dns };
}
