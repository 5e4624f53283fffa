/** What ADD would refuse in the configuration, whatever flanneld says. */
import type { Request } from "../../shared/cni/plugin.ts";
import { readFlannel } from "./config.ts";
import { delegateKeys, delegationOf } from "./delegation.ts";
import { parseSubnetEnv } from "./subnet-env.ts";

/** Stands for the file of a node, which the machine that validates may not be. */
const example =
  "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n";

/** Returns the request for the delegate. */
export default (request: Request): Request => {
  const { configuration } = request;
  const config = readFlannel(configuration);
  const keys = delegateKeys(configuration, config, parseSubnetEnv(config.subnetFile, example));
  return delegationOf(request, keys).request;
};
