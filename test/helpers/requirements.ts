import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const searchPath = (process.env["PATH"] ?? "").split(delimiter).concat("/usr/sbin", "/sbin");

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const installed = (tool: string): boolean =>
  tool.includes("/") ? executable(tool) : searchPath.some((folder) => executable(join(folder, tool)));

const announced = new Set<string>();

function announce(reason: string): void {
  if (announced.has(reason)) return;
  announced.add(reason);
  process.stderr.write(`skipped: ${reason}\n`);
}

/** True for root. Otherwise says on standard error that tests are skipped. */
export function requireRoot(): boolean {
  if (process.getuid?.() === 0) return true;
  announce("network namespaces need root: run the tests as root");
  return false;
}

/**
 * True when the program (a name on PATH, or a path) is there. A missing one is an error in CI, where
 * scripts/setup.mjs must have installed it; elsewhere the reason is printed and the test may skip.
 */
export function requireTool(tool: string): boolean {
  if (installed(tool)) return true;
  const reason = `${tool} is not installed: run scripts/setup.mjs as root`;
  if (process.env["CI"]) throw new Error(reason);
  announce(reason);
  return false;
}

/** For `describe.runIf(canRun("ipset", "nft"))`: root, and all the programs are there. */
export const canRun = (...tools: string[]): boolean => requireRoot() && tools.every(requireTool);
