/** The result of the previous plugins. */
import { CniError, ErrorCode } from "./error.ts";
import type { Request } from "./plugin.ts";
import type { Result } from "./result.ts";

/** The previous result, for verbs that need it: CHECK, and ADD of a chained plugin. Throws code 7 without it. */
export function requirePrevResult({ command, configuration }: Request): Result {
  const { prevResult } = configuration;
  if (prevResult !== undefined) return prevResult;
  const advice =
    command === "ADD"
      ? "it changes what an earlier plugin of the chain has made: put it after one, such as bridge"
      : "the runtime must pass the result of ADD as prevResult";
  throw new CniError(ErrorCode.invalidConfiguration, `${command} needs prevResult`, advice);
}
