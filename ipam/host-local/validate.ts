/** Throws what ADD would throw for the configuration. */
import type { Request } from "../../shared/cni/plugin.ts";
import { readHostLocal } from "./configuration.ts";
import { readRequested } from "./requests.ts";

export default (request: Request): void => {
  readHostLocal(request.configuration, true);
  readRequested(request);
};
