/** What ADD would refuse in the configuration. */
import { isObject } from "../../shared/cni/fields.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { readHostDeviceConfig, readSelector } from "./config.ts";

export default (request: Request): void => {
  const { capabilities } = request.configuration.raw;
  const isAssigned = isObject(capabilities) && capabilities["deviceID"] === true;
  // The runtime assigns the device, with each ADD.
  if (isAssigned && readSelector(request) === undefined) return;
  readHostDeviceConfig(request);
};
