/** The result of the plugins before this one. */
import { CniError, ErrorCode } from "./error.ts";
import type { Request } from "./plugin.ts";
import type { Result } from "./result.ts";

/** The previous result, for a verb that cannot do without: CHECK, and ADD of a chained plugin. Throws code 7. */
export function requirePrevResult({ command, configuration }: Request): Result {
  const { prevResult } = configuration;
  if (prevResult !== undefined) return prevResult;
  const advice =
    command === "ADD"
      ? "it works on what a plugin before it in the chain has made: put it behind one, such as bridge"
      : "the runtime must pass the result of ADD as prevResult";
  throw new CniError(ErrorCode.invalidConfiguration, `${command} needs prevResult`, advice);
}
