/** Versions of the CNI specification. */
import { CniError, ErrorCode } from "./error.ts";

/** Oldest first. */
export const supportedVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

export type CniVersion = (typeof supportedVersions)[number];

export const latestVersion: CniVersion = "1.1.0";

export function isSupported(version: string): version is CniVersion {
  return (supportedVersions as readonly string[]).includes(version);
}

/** Whether `version` is `minimum` or newer. */
export function isAtLeast(version: CniVersion, minimum: CniVersion): boolean {
  return supportedVersions.indexOf(version) >= supportedVersions.indexOf(minimum);
}

/** The configuration's version; a missing one means 0.1.0, as before versions were written down. */
export function readVersion(value: unknown): CniVersion {
  if (value === undefined || value === null || value === "") return "0.1.0";
  if (typeof value === "string" && isSupported(value)) return value;
  throw new CniError(
    ErrorCode.incompatibleVersion,
    "incompatible CNI versions",
    `the configuration's cniVersion is ${JSON.stringify(value)}, this plugin supports ${supportedVersions.join(", ")}: set cniVersion to one of these`,
  );
}
