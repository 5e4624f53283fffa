/** CHECK: the delegate's, and whether the addresses are still of the node's subnets. */
import { drift } from "../../shared/attachment/check.ts";
import { delegateCheck } from "../../shared/cni/delegate.ts";
import { CniError, ErrorCode, runAll } from "../../shared/cni/error.ts";
import type { JsonObject } from "../../shared/cni/fields.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { contains, formatCidr } from "../../shared/ip/cidr.ts";
import { type FlannelConfig, readFlannel } from "./config.ts";
import { type Delegation, delegateKeys, delegationOf, roleOf, savedDelegation } from "./delegation.ts";
import { readSaved } from "./saved.ts";
import { readSubnetEnv, type SubnetEnv } from "./subnet-env.ts";

/** Undefined while flanneld has not written its file, as after a reboot: the running containers are as they were. */
function subnetsIfKnown({ subnetFile }: FlannelConfig): SubnetEnv | undefined {
  try {
    return readSubnetEnv(subnetFile);
  } catch (thrown) {
    if (thrown instanceof CniError && thrown.code === ErrorCode.tryAgainLater) return undefined;
    throw thrown;
  }
}

/** Other nodes have routes to this node's subnets only. */
function checkSubnets(request: Request, config: FlannelConfig): void {
  const env = subnetsIfKnown(config);
  if (env === undefined) return;
  for (const { address } of requirePrevResult(request).ips) {
    const ofFamily = env.subnets.filter((subnet) => subnet.address.family === address.address.family);
    if (ofFamily.length === 0 || ofFamily.some((subnet) => contains(subnet, address.address))) continue;
    throw drift(
      `the address ${formatCidr(address)} is not in the node's subnet ${ofFamily.map(formatCidr).join(", ")}`,
      `flanneld has another subnet by now (${config.subnetFile}), and other nodes do not reach the container: recreate it`,
    );
  }
}

/** The delegate's configuration with these keys: what ADD has kept or, if that cannot be read, what ADD would make. */
function delegation(request: Request, config: FlannelConfig, keys: JsonObject): Delegation {
  const { configuration } = request;
  const saved = readSaved(config.dataDir, attachmentOf(request));
  const kept = saved === undefined ? undefined : savedDelegation(request, { ...saved.raw, ...keys });
  if (kept !== undefined) return kept;
  const made = delegateKeys(configuration, config, readSubnetEnv(config.subnetFile));
  return delegationOf(request, { ...made, ...keys });
}

export function check(request: Request): void {
  requirePrevResult(request);
  const { configuration } = request;
  const config = readFlannel(configuration);
  const { cniVersion, fields } = configuration;
  const made = delegation(request, config, { cniVersion, prevResult: fields.value("prevResult") });
  runAll([
    () => delegateCheck(made.request, made.type, roleOf(request)),
    // Another IPAM plugin may have addresses of its own.
    () => {
      if (made.request.configuration.ipamType === "host-local") checkSubnets(request, config);
    },
  ]);
}
