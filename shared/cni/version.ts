/** Versions of the CNI specification. */
import { CniError, ErrorCode, quote } from "./error.ts";

/** Oldest first. */
export const supportedVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

export type CniVersion = (typeof supportedVersions)[number];

export const latestVersion: CniVersion = "1.1.0";

export function isSupported(version: string): version is CniVersion {
  return (supportedVersions as readonly string[]).includes(version);
}

/** True if `version` is `minimum` or newer. */
export function isAtLeast(version: CniVersion, minimum: CniVersion): boolean {
  return supportedVersions.indexOf(version) >= supportedVersions.indexOf(minimum);
}

/**
 * Parses a version. A missing one means 0.1.0, which had no version key. `holder` names its owner in the error, code
 * 1.
 */
export function readVersion(value: string | undefined, holder = "the configuration"): CniVersion {
  if (value === undefined || value === "") return "0.1.0";
  if (isSupported(value)) return value;
  throw new CniError(
    ErrorCode.incompatibleVersion,
    "incompatible CNI versions",
    `the cniVersion of ${holder} is ${quote(value)}, this plugin supports ${supportedVersions.join(", ")}: set it to one of these`,
  );
}
